"""Mixed rows as points, for linear models, maps and balls: numbers standardised, levels one-hot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.evaluation.rows import Rows

__all__ = ["Embedding"]

MAX_LEVELS = 50  # a column; rarer ones share one direction
_REACH = 8.0  # standard deviations; further tails are cut, lest one row stretch everything


@dataclass(frozen=True)
class Embedding:
    """How rows become points; fitted on real rows.

    Attributes:
        mean: Of each number's present cells, shape (N,).
        scale: Their standard deviations, shape (N,); 1 for constants.
        holes: Which numbers have missing cells, and so a direction for that, shape (N,).
        levels: Directions of each column of levels, shape (L,).
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    holes: NDArray[np.bool_]
    levels: NDArray[np.int64]

    @classmethod
    def fit(cls, *parts: Rows) -> Self:
        """Fit to the first rows; the others only say which directions there are."""
        known = ~np.isnan(parts[0].numbers)
        counts = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, parts[0].numbers, 0).sum(axis=0) / counts
        with np.errstate(over="ignore"):  # no scale can be had of such numbers
            spread = np.sqrt((np.where(known, parts[0].numbers - mean, 0) ** 2).sum(axis=0) / counts)
        holes = np.any([np.isnan(part.numbers).any(axis=0) for part in parts], axis=0)
        tops = [part.codes.max(axis=0, initial=0) for part in parts if len(part)]
        levels = np.minimum(np.max(tops, axis=0) + 1, MAX_LEVELS + 1)
        return cls(
            mean, np.where((spread > 0) & np.isfinite(spread), spread, 1), np.atleast_1d(holes), levels
        )

    def __call__(self, rows: Rows) -> NDArray[np.float32]:
        """Return the rows as points of shape (rows, width); two different levels lie 1 apart."""
        standard = np.clip((rows.numbers - self.mean) / self.scale, -_REACH, _REACH)
        absent = np.isnan(standard)
        parts = [np.where(absent, 0, standard), absent[:, self.holes] * 1.0]
        for index, width in enumerate(self.levels):
            codes = np.minimum(rows.codes[:, index], width - 1)
            parts.append(np.eye(width)[codes] * np.sqrt(0.5))
        return np.concatenate(parts, axis=1).astype(np.float32)
