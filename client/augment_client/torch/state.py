"""Where a walk over the rows stands, as a dict that survives the process."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from augment_client.checks import MAX_ROW, checked_integer
from augment_client.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Plan", "State"]

_FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """What decides which rows come in which order; a state fits only a dataset with the same.

    Attributes:
        real_rows: Real rows that there are.
        synthetic_rows: Synthetic rows an epoch.
        seed: Of both.
        fresh: Whether each epoch has its own synthetic rows.
        batch_size: 0: rows one by one.
        request: What is asked of synthetic rows, as text.
        rank: The shard, with the next three.
        world: Of ranks.
        worker: Of the rank.
        workers: Of the rank.
    """

    real_rows: int
    synthetic_rows: int
    seed: int
    fresh: bool
    batch_size: int
    request: str
    rank: int
    world: int
    worker: int
    workers: int


@dataclass(frozen=True)
class State:
    """How far a walk has come.

    Attributes:
        plan: What it walks over.
        epoch: From 0.
        rows: Rows of the shard that were given out in this epoch.
        version: The model's version; 0: not known yet.
        digest: Its bundle's digest; empty: not known yet.
    """

    plan: Plan
    epoch: int
    rows: int
    version: int = 0
    digest: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it in numbers and texts alone."""
        return {"format": _FORMAT, **asdict(self)}

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> State:
        """Return the state of a dict.

        Raises:
            InvalidRequestError: It is no state of ours.
        """
        try:
            plan = Plan(**given["plan"])
            rest = {name: given[name] for name in ("epoch", "rows", "version", "digest")}
        except (KeyError, TypeError) as error:
            rule = "must be what state_dict of a SyntheticDataset returned"
            raise InvalidRequestError.of("state", rule, given) from error
        if given.get("format") != _FORMAT:
            raise InvalidRequestError.of("state.format", f"must be {_FORMAT}", given.get("format"))
        checked_integer("state.epoch", rest["epoch"], 0, MAX_ROW)
        checked_integer("state.rows", rest["rows"], 0, MAX_ROW)
        return cls(plan, **rest)

    def require(self, plan: Plan) -> None:
        """Refuse to go on with other rows.

        Raises:
            InvalidRequestError: The state is of another plan.
        """
        for field in fields(Plan):
            was, now = getattr(self.plan, field.name), getattr(plan, field.name)
            if was != now:
                remedy = "Resume with what the state was saved with, or begin anew"
                raise InvalidRequestError.of(
                    f"state.{field.name}", f"must be the dataset's, {now!r}", was, remedy
                )
