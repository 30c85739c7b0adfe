"""Tables as numbers for scikit-learn, and what methods fill in as numbers again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imputation.datasets import Split

__all__ = ["Coding"]


@dataclass(frozen=True)
class Coding:
    """The columns of a data set in order: standardised numbers, and codes of categories.

    Attributes:
        names: The columns.
        levels: Of each column: the training data's categories; None for numbers.
        means: Of each number in training; 0 for categories.
        deviations: Likewise; 1 for categories.
        decimals: Of each number in training; at most 10.
    """

    names: tuple[str, ...]
    levels: tuple[pa.Array | None, ...]
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    decimals: tuple[int, ...]

    @classmethod
    def of(cls, split: Split) -> Coding:
        """Learn from the training rows."""
        names = tuple(split.train.column_names)
        levels, means, deviations, decimals = [], np.zeros(len(names)), np.ones(len(names)), []
        for index, name in enumerate(names):
            column = split.train[name].combine_chunks()
            is_category = name in split.categories
            levels.append(_texts(column).unique().drop_null() if is_category else None)
            decimals.append(0)
            if not is_category:
                values = _floats(column)
                means[index], deviations[index] = np.nanmean(values), np.nanstd(values) or 1.0
                decimals[index] = _decimals(column)
        return cls(names, tuple(levels), means, deviations, tuple(decimals))

    def is_category(self, index: int) -> bool:
        """Whether a column is judged by equality."""
        return self.levels[index] is not None

    def matrix(self, table: pa.Table) -> NDArray[np.float64]:
        """Return (rows, columns): standardised numbers, codes, NaN where missing or never seen."""
        parts = []
        for index, name in enumerate(self.names):
            column = table[name].combine_chunks()
            levels = self.levels[index]
            if levels is None:
                parts.append((_floats(column) - self.means[index]) / self.deviations[index])
            else:
                codes = pc.index_in(_texts(column), levels, skip_nulls=True)
                parts.append(np.asarray(codes.cast(pa.float64()).fill_null(np.nan)))
        return np.stack(parts, axis=1)

    def rounded(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the matrix with numbers as the columns can hold them: of their training decimals."""
        result = matrix.copy()
        for index, decimals in enumerate(self.decimals):
            if not self.is_category(index):
                plain = matrix[:, index] * self.deviations[index] + self.means[index]
                result[:, index] = (np.round(plain, decimals) - self.means[index]) / self.deviations[index]
        return result

    def ranks(self, table: pa.Table) -> NDArray[np.float64]:
        """Return (rows, columns) in [-1, 1]: the rank of numbers and codes among these rows; 0 if missing."""
        matrix = self.matrix(table)
        ranks = np.zeros_like(matrix)
        for index in range(matrix.shape[1]):
            known = ~np.isnan(matrix[:, index])
            _, place, counts = np.unique(matrix[known, index], return_inverse=True, return_counts=True)
            middle = np.cumsum(counts) - counts / 2
            ranks[known, index] = 2 * middle[place] / max(known.sum(), 1) - 1
        return ranks


def _floats(column: pa.Array) -> NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).fill_null(np.nan))


def _texts(column: pa.Array) -> pa.Array:
    plain = column.cast(column.type.value_type) if pt.is_dictionary(column.type) else column
    return plain.cast(pa.string())


def _decimals(column: pa.Array) -> int:
    if not pt.is_floating(column.type):
        return 0
    values = _floats(column)
    values = values[~np.isnan(values)]
    return next((digits for digits in range(10) if np.allclose(values, np.round(values, digits))), 10)
