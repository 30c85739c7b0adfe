"""How strongly columns go together: one figure for each pair, whatever their kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from augment.evaluation.cells import OTHER, compared, is_number, labels, numbers, top_labels, within_reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data.schema import Column, Schema

__all__ = ["Associations", "association_matrix", "compare_associations"]

TOP_LEVELS = 20
MAX_ROWS = 5_000  # more rows move no figure by more than about 0.02
_FEWEST = 3  # pairs of present cells that a correlation needs


@dataclass(frozen=True)
class Associations:
    """The association of each pair of columns, in real and in synthetic data.

    Attributes:
        names: The columns, C of them.
        real: Shape (C, C), symmetric, in [-1, 1].
        synthetic: The same of the synthetic table.
    """

    names: tuple[str, ...]
    real: NDArray[np.float64]
    synthetic: NDArray[np.float64]

    @property
    def difference(self) -> NDArray[np.float64]:
        """Absolute difference, shape (C, C)."""
        return np.asarray(np.abs(self.real - self.synthetic))

    @property
    def mean_difference(self) -> float:
        """Mean absolute difference over the pairs of two distinct columns; 0 if there are none."""
        pairs = self.difference[np.triu_indices(len(self.names), k=1)]
        return float(pairs.mean()) if len(pairs) else 0.0


def compare_associations(real: pa.Table, synthetic: pa.Table, schema: Schema) -> Associations:
    """Return the association matrices of two tables over the columns that both have."""
    columns = compared(schema, real, synthetic)
    # The same levels in both tables, so that one bar of (other) means the same in both.
    levels = {
        column.name: top_labels(labels(real[column.name]), TOP_LEVELS)
        for column in columns
        if not is_number(column)
    }
    return Associations(
        names=tuple(column.name for column in columns),
        real=association_matrix(real, columns, levels),
        synthetic=association_matrix(synthetic, columns, levels),
    )


def association_matrix(
    table: pa.Table, columns: list[Column], levels: Mapping[str, list[str]]
) -> NDArray[np.float64]:
    """Return the association of each pair of columns, shape (C, C).

    Two numbers: Pearson's correlation, in [-1, 1]. Two categories: Cramer's V, in [0, 1]. One of
    each: the correlation ratio (the root of the share of the number's variance that lies between
    the categories), in [0, 1]. Rarer levels than those given count as one. Over the first
    `MAX_ROWS` rows.
    """
    table = table.slice(0, MAX_ROWS)
    cells = [_codes_or_numbers(table, column, levels) for column in columns]
    matrix = np.eye(len(columns))
    for i, first in enumerate(cells):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = _associate(first, cells[j])
    return matrix


def _codes_or_numbers(
    table: pa.Table, column: Column, levels: Mapping[str, list[str]]
) -> NDArray[np.float64] | NDArray[np.int64]:
    """Return float64 for a number, int64 level codes for a category; shape (rows,)."""
    if is_number(column):
        return within_reach([numbers(table[column.name])])[0]
    kept = [*levels[column.name], OTHER]
    code = {level: index for index, level in enumerate(kept)}
    return np.array([code.get(label, len(kept) - 1) for label in labels(table[column.name])], dtype=np.int64)


def _associate(
    first: NDArray[np.float64] | NDArray[np.int64], second: NDArray[np.float64] | NDArray[np.int64]
) -> float:
    numeric = [values.dtype == np.float64 for values in (first, second)]
    if all(numeric):
        return pearson(first.astype(np.float64), second.astype(np.float64))
    if not any(numeric):
        return cramers_v(first.astype(np.int64), second.astype(np.int64))
    codes, values = (second, first) if numeric[0] else (first, second)
    return correlation_ratio(codes.astype(np.int64), values.astype(np.float64))


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Pearson's correlation over the rows where both are present; 0 if either is constant."""
    both = ~(np.isnan(first) | np.isnan(second))
    x, y = first[both], second[both]
    if len(x) < _FEWEST:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else 0.0


def cramers_v(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return Cramer's V, corrected for its bias in small samples (Bergsma 2013); 0 if either is constant."""
    rows = len(first)
    _, first = np.unique(first, return_inverse=True)
    _, second = np.unique(second, return_inverse=True)
    if rows < _FEWEST or not first.any() or not second.any():
        return 0.0
    shape = (int(first.max()) + 1, int(second.max()) + 1)
    counts = np.bincount(first * shape[1] + second, minlength=shape[0] * shape[1]).reshape(shape)
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / rows
    chance = (shape[0] - 1) * (shape[1] - 1) / (rows - 1)
    phi_squared = max(0.0, float(((counts - expected) ** 2 / expected).sum()) / rows - chance)
    freedom = min(side - (side - 1) ** 2 / (rows - 1) for side in shape) - 1
    return float(np.sqrt(min(1.0, phi_squared / freedom))) if freedom > 0 else 0.0


def correlation_ratio(codes: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    """Return the root of the share of variance that lies between the groups; 0 if constant."""
    present = ~np.isnan(values)
    codes, values = codes[present], values[present]
    if len(values) < _FEWEST or np.ptp(values) == 0:
        return 0.0
    counts = np.bincount(codes)
    means = np.bincount(codes, weights=values) / np.maximum(counts, 1)
    between = float((counts * (means - values.mean()) ** 2).sum())
    return float(np.sqrt(min(1.0, between / float(((values - values.mean()) ** 2).sum()))))
