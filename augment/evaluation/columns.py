"""One column of a real table beside the same column of a synthetic one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from augment.evaluation.cells import MISSING, OTHER, compared, is_number, labels, numbers, top_labels

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data.schema import Column, Schema

__all__ = ["CategoryComparison", "NumberComparison", "compare_columns"]

TOP_LEVELS = 20
MAX_BINS = 40
_TAIL = 0.005  # share of the values at either end that may always be gathered in the outermost bin
_REACH = 6  # interquartile ranges beyond the quartiles that are shown


@dataclass(frozen=True)
class NumberComparison:
    """Histograms of a number or a point in time.

    Attributes:
        name: The column.
        kind: `integer`, `number` or `datetime` (then the edges are seconds since 1970).
        edges: Bin edges, shape (bins + 1,). Values beyond them are counted in the outermost bins.
        real: Share of the real present cells in each bin, shape (bins,).
        synthetic: The same of the synthetic cells.
        missing: Share of missing cells, real then synthetic.
        difference: Kolmogorov-Smirnov statistic in [0, 1]: the largest distance between the two
            cumulative distributions; or the distance between the missing shares, if that is larger.
    """

    name: str
    kind: str
    edges: NDArray[np.float64]
    real: NDArray[np.float64]
    synthetic: NDArray[np.float64]
    missing: tuple[float, float]
    difference: float


@dataclass(frozen=True)
class CategoryComparison:
    """Shares of a category's levels.

    Attributes:
        name: The column.
        levels: The most frequent real levels (numbered ones by number), then `(other)` and `(missing)`
            where there are any.
        real: Share of the real cells at each level.
        synthetic: The same of the synthetic cells.
        hidden: How many levels `(other)` stands for.
        difference: Total variation distance over all levels, in [0, 1].
    """

    name: str
    levels: tuple[str, ...]
    real: NDArray[np.float64]
    synthetic: NDArray[np.float64]
    hidden: int
    difference: float


Comparison = NumberComparison | CategoryComparison


def compare_columns(real: pa.Table, synthetic: pa.Table, schema: Schema) -> list[Comparison]:
    """Compare each column that both tables have, in the schema's order; text and arrays are passed over."""
    return [
        _compare_numbers(column, real[column.name], synthetic[column.name])
        if is_number(column)
        else _compare_labels(column, real[column.name], synthetic[column.name])
        for column in compared(schema, real, synthetic)
    ]


def _compare_numbers(column: Column, real: pa.ChunkedArray, synthetic: pa.ChunkedArray) -> NumberComparison:
    cells = (numbers(real), numbers(synthetic))
    missing = (_share_missing(cells[0]), _share_missing(cells[1]))
    present = tuple(values[~np.isnan(values)] for values in cells)
    edges = _edges(present[0], whole=column.kind == "integer")
    return NumberComparison(
        name=column.name,
        kind=column.kind,
        edges=edges,
        real=_shares(present[0], edges),
        synthetic=_shares(present[1], edges),
        missing=missing,
        difference=max(kolmogorov_smirnov(*present), abs(missing[0] - missing[1])),
    )


def _share_missing(values: NDArray[np.float64]) -> float:
    return float(np.isnan(values).mean()) if len(values) else 0.0


def _edges(values: NDArray[np.float64], *, whole: bool) -> NDArray[np.float64]:
    """Return bin edges that show the bulk: one bin a value for few whole numbers, else up to 40."""
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = _bulk(values)
    if whole and high > low:
        width = max(1.0, np.ceil((high - low + 1) / MAX_BINS))  # each bin holds as many whole numbers
        return np.arange(np.floor(low), np.ceil(high) + width + 1, width) - 0.5
    if high <= low:
        width = abs(low) * 0.05 or 0.5
        return np.array([low - width, low + width])
    return 2 * np.linspace(
        low / 2, high / 2, MAX_BINS + 1
    )  # halves: the largest float less the least is none


def _bulk(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return where nearly all values lie: a long tail would squeeze the bulk into a few bins."""
    low, first, third, high = (2 * float(q) for q in np.quantile(values / 2, [_TAIL, 0.25, 0.75, 1 - _TAIL]))
    if reach := _REACH * (third - first):
        low, high = max(low, first - reach), min(high, third + reach)
    least, most, spread = float(values.min()), float(values.max()), high - low
    return least if low - least <= spread / 2 else low, most if most - high <= spread / 2 else high


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return np.asarray(counts / max(len(values), 1), dtype=np.float64)


def kolmogorov_smirnov(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the largest distance between the two cumulative distributions; 1 if just one is empty."""
    if not len(first) or not len(second):
        return float(len(first) != len(second))
    points = np.union1d(first, second)
    below = [
        np.searchsorted(np.sort(values), points, side="right") / len(values) for values in (first, second)
    ]
    return float(np.abs(below[0] - below[1]).max())


def _compare_labels(column: Column, real: pa.ChunkedArray, synthetic: pa.ChunkedArray) -> CategoryComparison:
    cells = (labels(real), labels(synthetic))
    present = cells[0][cells[0] != MISSING]
    levels = _shown_order(top_labels(present, TOP_LEVELS))
    everything = np.unique(np.concatenate(cells))
    hidden = [level for level in everything if level not in levels and level != MISSING]
    shares = [_level_shares(values, levels) for values in cells]
    rows = [*levels, *([OTHER] if hidden else []), *([MISSING] if MISSING in everything else [])]
    return CategoryComparison(
        name=column.name,
        levels=tuple(rows),
        real=np.array([shares[0][row] for row in rows]),
        synthetic=np.array([shares[1][row] for row in rows]),
        hidden=len(hidden),
        difference=total_variation(*cells),
    )


def _shown_order(levels: list[str]) -> list[str]:
    """Return numbered levels in the order of their numbers, others as they are."""
    return sorted(levels, key=int) if all(level.isdecimal() for level in levels) else levels


def _level_shares(cells: NDArray[np.str_], levels: list[str]) -> dict[str, float]:
    rows = max(len(cells), 1)
    shares = {level: float((cells == level).sum()) / rows for level in [*levels, MISSING]}
    shares[OTHER] = max(0.0, 1 - sum(shares.values())) if len(cells) else 0.0
    return shares


def total_variation(first: NDArray[np.str_], second: NDArray[np.str_]) -> float:
    """Return half the sum of the differences between the levels' shares, in [0, 1]."""
    levels, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    split = len(first)
    shares = [
        np.bincount(part, minlength=len(levels)) / max(len(part), 1)
        for part in (codes[:split], codes[split:])
    ]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)
