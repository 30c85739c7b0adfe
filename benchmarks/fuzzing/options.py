"""What is asked of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["COUNTS", "Options"]

COUNTS = {
    "arrow": 1_000_000,
    "bodies": 1_000_000,
    "bundles": 10_000,
    "hostile": 186,
    "guided": 1_000_000,
    "bombs": 1,
}
"""The targets, and how many inputs each is to stand; 0: all that there are."""


@dataclass(frozen=True)
class Options:
    """One run.

    Attributes:
        models: The directory of the bundle that is fuzzed.
        keep: Where inputs go that broke the rule.
        seed: Of all inputs.
        first: The number of the first one.
        count: Inputs of each target at most; None: as many as `COUNTS` says.
        seconds: Of each target at most.
    """

    models: Path
    keep: Path
    seed: int
    first: int = 0
    count: int | None = None
    seconds: float = 60.0

    def count_of(self, target: str) -> int:
        """Return how many inputs of a target are tried."""
        return COUNTS[target] if self.count is None else self.count
