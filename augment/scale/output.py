"""What stands in a step's output, and whether it is this step's."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from augment.errors import RequestError, StepError, Violation
from augment.scale.manifest import MANIFEST, RUN, run_bytes
from augment.scale.stores import LOCK, UNFINISHED

if TYPE_CHECKING:
    from augment.scale.plan import Plan
    from augment.scale.stores import Store

__all__ = ["Output"]

_PART = re.compile(r"(real|synthetic)-\d{8,}\.parquet")
_ANEW = "Give another directory, or run with --overwrite to make it anew"


class Output:
    """The output of a plan.

    Args:
        store: Where it is.
        plan: What it should be of.

    Attributes:
        store: Where it is.
    """

    def __init__(self, store: Store, plan: Plan) -> None:
        self.store = store
        self._plan = plan

    def check(self) -> None:
        """Refuse what is not this step's.

        Raises:
            RequestError: Something that no step writes, or the output of another model, input or
                configuration; says which.
            StepError: What tells of it cannot be read.
        """
        self._names()
        self.check_identity()

    def check_identity(self) -> None:
        """Refuse the output of another model, input or configuration.

        Raises:
            RequestError: It is one; says what differs.
            StepError: What tells of it cannot be read.
        """
        data = self.store.read(RUN)
        if data is None:
            return
        try:
            before = json.loads(data)
            if before["identity"] == self._plan.identity:
                return
        except (ValueError, KeyError, TypeError) as exc:
            raise StepError(f"output {self._place}: {RUN} cannot be read. {_ANEW}") from exc
        found = f"one with other {', '.join(self._changed(before)) or 'settings'}"
        raise self._refused("must be of this model, input and configuration", found, _ANEW)

    def parts(self) -> list[str]:
        """Return the names of the parts that are there."""
        return [name for name in self._names() if _PART.fullmatch(name)]

    def begin(self) -> int:
        """Write what the parts that come are of; returns how many are there."""
        there = len(self.parts())
        self.store.remove([MANIFEST])
        if self.store.read(RUN) is None:
            self.store.write(RUN, run_bytes(self._plan))
        return there

    def clear(self) -> None:
        """Remove it; what tells of it goes last, so that a run that is killed here is known."""
        parts = self.parts()
        self.store.remove([MANIFEST])
        self.store.remove(parts)
        self.store.remove([RUN])

    def finished(self) -> dict[str, Any] | None:
        """Return the manifest, if all is there; None where something is to be done.

        A part of another size is damaged: that is told where parts are looked through.
        """
        data = self.store.read(MANIFEST)
        if data is None:
            return None
        try:
            manifest: dict[str, Any] = json.loads(data)
            sizes = self.store.sizes()
            whole = all(sizes.get(part["name"]) == part["bytes"] for part in manifest["parts"])
            return manifest if whole and manifest["identity"] == self._plan.identity else None
        except (ValueError, KeyError, TypeError):  # no manifest of ours any more: it is written anew
            return None

    def _names(self) -> list[str]:
        """Return what lies there, if steps wrote all of it."""
        names = self.store.names()
        parts = [name for name in names if _PART.fullmatch(name)]
        known = {RUN, MANIFEST, LOCK, *parts}
        remedy = "Give an empty or new directory"
        for name in names:
            if name not in known and not name.startswith(UNFINISHED):
                raise self._refused("must hold a step's output or nothing", repr(name), remedy)
        if parts and RUN not in names:
            raise self._refused(f"must have {RUN} where there are parts", "none", remedy)
        return names

    def _changed(self, before: dict[str, Any]) -> list[str]:
        """Return the names of what is not as it was."""
        now, earlier = json.loads(run_bytes(self._plan)), before.get("config", {})
        settings = [key for key in now["config"] if earlier.get(key) != now["config"][key]]
        rest = [key for key in ("model", "inputs", "part_rows") if before.get(key) != now[key]]
        return [*(f"config.{key}" for key in settings), *rest]

    def _refused(self, rule: str, found: str, remedy: str) -> RequestError:
        return RequestError(Violation("output", rule, found, remedy), context=self._place)

    @property
    def _place(self) -> str:
        return self._plan.config.output
