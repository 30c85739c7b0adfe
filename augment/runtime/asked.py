"""What a caller asks of generated records beside their number, checked and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from augment.data import (
    Balance,
    Between,
    Condition,
    Missing,
    OneOf,
    compile_balance,
    compile_restrictions,
    parse_balance,
)
from augment.errors import RequestError, UnsupportedError
from augment.runtime.checks import checked_choice, checked_integer

if TYPE_CHECKING:
    from collections.abc import Collection

    from augment.data import Codec, Restriction, Shares

__all__ = [
    "MAX_SAMPLER_STEPS",
    "Asked",
    "ConditionsLike",
    "asked_for",
    "checked_conditions",
    "chosen_sampler",
]

ConditionsLike = Mapping[str, Any] | Iterable[Condition | str]
"""Texts such as `age in 30..40`, or values by column: `{"age": (30, 40), "sex": ["Male"], "x": None}`."""
MAX_SAMPLER_STEPS = 100_000


@dataclass(frozen=True)
class Asked:
    """Conditions on generated records, for a sampler.

    Attributes:
        restrictions: What each conditioned token column may hold, by its index.
        shares: The balance of classes; None: as they come.
        steps: In how many steps a record is made; None: the model's default.
    """

    restrictions: dict[int, Restriction] = field(default_factory=dict)
    shares: Shares | None = None
    steps: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for that not every sampler can do."""
        return not self.restrictions and self.shares is None and self.steps is None


def asked_for(
    codec: Codec,
    conditions: ConditionsLike | None,
    balance: Balance | str | None,
    steps: object,
) -> Asked:
    """Return what is asked for, compiled for the data's encoding.

    Raises:
        RequestError: A condition or the balance is impossible, or `steps` out of its range.
    """
    wanted = checked_conditions(conditions)
    count = None if steps is None else checked_integer("steps", steps, 1, MAX_SAMPLER_STEPS)
    restrictions = compile_restrictions(codec, wanted)
    if balance is None:
        return Asked(restrictions, None, count)
    if not isinstance(balance, Balance):
        balance = parse_balance(balance, [column.name for column in codec.schema.columns])
    return Asked(restrictions, compile_balance(codec, balance, wanted), count)


def chosen_sampler(samplers: Collection[str], sampler: str | None, *, able: Collection[str]) -> str:
    """Return the sampler to use: the one named, else the first that can do what is asked.

    Args:
        samplers: Those of the model, the default first; at least one.
        sampler: What the caller named, if anything.
        able: Those of them that can do what is asked: all, or those that go column by column, which
            alone keep to conditions and have steps.

    Raises:
        RequestError: The model has no such sampler.
        UnsupportedError: The sampler, or each of the model's, cannot do what is asked.
    """
    named = None if sampler is None else checked_choice("sampler", sampler, samplers)
    if able and (named is None or named in able):
        return named or next(iter(able))
    asked = named or next(iter(samplers))
    there = (
        ", ".join(able)
        or "none of this model's. Models with a table column and the denoiser trained have one"
    )
    raise UnsupportedError(
        f"sampler {asked} cannot condition, balance or take steps; samplers that can: {there}"
    )


def checked_conditions(conditions: ConditionsLike | None) -> tuple[Condition | str, ...]:
    """Return conditions as a tuple, whichever way a caller wrote them.

    Raises:
        RequestError: They are neither a list nor values by column.
    """
    if isinstance(conditions, str) or not isinstance(conditions, Iterable | None):
        remedy = "Put it into a list"
        raise RequestError.of(
            "conditions", "must be a list of conditions, or values by column", conditions, remedy
        )
    if isinstance(conditions, Mapping):
        return tuple(_of_column(column, wanted) for column, wanted in conditions.items())
    return tuple(conditions or ())


def _of_column(column: str, wanted: object) -> Condition:
    """Return the condition for a column: None: missing, a pair: a range, a list: one of."""
    if wanted is None:
        return Missing(column)
    if isinstance(wanted, tuple):
        if len(wanted) != 2:  # noqa: PLR2004 - a low and a high end
            rule = "must be a pair (low, high), of which one may be None, or a list of values"
            raise RequestError.of(f"conditions on {column}", rule, wanted)
        return Between(column, *wanted)
    return OneOf(column, wanted)  # type: ignore[arg-type] # it takes one value or several
