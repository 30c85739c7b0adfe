"""A figure of the judge: its value, and what fresh real data get."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

__all__ = ["Better", "Figure"]

Better = Literal["lower", "higher", "half"]


@dataclass(frozen=True)
class Figure:
    """One figure of synthetic data beside the same figure of a fresh real sample.

    Attributes:
        value: What the synthetic rows get; None where it could not be had.
        floor: What fresh real rows get, measured; None where there are none to measure by.
        better: Which way is better; `half` means that 0.5 is best.
        matched: The value for only as many synthetic rows as the floor was measured with: few rows
            alone make some figures worse. None where the numbers of rows are alike.
        floor_rows: How many fresh real rows the floor was measured with; 0 where there is no floor.
        reason: Why there is no value, in words; empty where there is one.
    """

    value: float | None
    floor: float | None
    better: Better
    matched: float | None = None
    floor_rows: int = 0
    reason: str = ""

    @classmethod
    def absent(cls, better: Better, reason: str) -> Self:
        """Return the figure that could not be had, and why."""
        return cls(None, None, better, reason=reason)

    @property
    def excess(self) -> float | None:
        """How much worse than fresh real rows, 0 where no worse; None without a value or a floor."""
        value = self.value if self.matched is None else self.matched
        if value is None or self.floor is None:
            return None
        if self.better == "half":
            return max(0.0, abs(value - 0.5) - abs(self.floor - 0.5))
        return max(0.0, value - self.floor if self.better == "lower" else self.floor - value)

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Return what JSON can hold."""
        return {
            "value": _finite(self.value),
            "floor": _finite(self.floor),
            "better": self.better,
            "matched": _finite(self.matched),
            "floor_rows": self.floor_rows,
            "reason": self.reason,
        }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
