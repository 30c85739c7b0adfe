"""Ways between records: ends that reconstruct, steps that are plausible, classes that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imputation.plausibility import implausibility

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.runtime import Model
    from imputation.datasets import Split

__all__ = ["PAIRS", "STEPS", "interpolation_figures"]

PAIRS, STEPS = 200, 8
_LEAST_PLAUSIBLE = 0.99


def interpolation_figures(
    interpolator: Model, method: str, judge: Model, split: Split, rows: pa.Table, target: str
) -> dict[str, float]:
    """Return figures of 200 random pairs of rows, 8 steps each, on ways made by a method.

    `ends` is the share of their cells that reconstruct: categories equal, numbers in the same bin or in
    the nearest; `ends_exact` that of those in the same bin. `plausible` is the share of pairs in which no
    step is less plausible than the least plausible 1 % of the real rows; `plausible_steps` that of steps;
    `plausible_ends` of pairs whose reconstructed ends are; `real_pairs` of pairs whose own records are.
    `classes_kept` is the share of the steps between two records of one class that stay in it, where the
    target is a category.
    """
    generator = np.random.default_rng(7)
    start, end = (rows.take(generator.integers(0, rows.num_rows, PAIRS)) for _ in range(2))
    way = interpolator.interpolate(start, end, steps=STEPS, method=method).records
    limit = np.quantile(implausibility(judge, rows), _LEAST_PLAUSIBLE)
    fine = (implausibility(judge, way) <= limit).reshape(PAIRS, STEPS)
    first, last = way.take(np.arange(PAIRS) * STEPS), way.take(np.arange(PAIRS) * STEPS + STEPS - 1)
    ends = {
        name: np.concatenate(
            [_same(judge, start, first, nearest=nearest), _same(judge, end, last, nearest=nearest)]
        )
        for name, nearest in (("ends", 1), ("ends_exact", 0))
    }
    figures = {
        **{name: float(same.mean()) for name, same in ends.items()},
        "plausible": float(fine.all(axis=1).mean()),
        "plausible_steps": float(fine.mean()),
        "plausible_ends": float(fine[:, [0, -1]].all(axis=1).mean()),
        "real_pairs": float(_real(judge, start, end, limit)),
    }
    if target in split.categories:
        figures["classes_kept"] = _classes_kept(start, end, way, target)
    return figures


def _real(judge: Model, start: pa.Table, end: pa.Table, limit: float) -> float:
    """Return the share of the pairs whose two real records are plausible: what ends could reach."""
    return float(((implausibility(judge, start) <= limit) & (implausibility(judge, end) <= limit)).mean())


def _same(judge: Model, real: pa.Table, made: pa.Table, *, nearest: int) -> NDArray[np.bool_]:
    """Return which cells are the same token, or `nearest` to it in an ordered column: (rows, columns)."""
    given, got = (judge.codec.encode(table)[0].tokens for table in (real.select(made.column_names), made))
    near = (np.abs(given - got) <= nearest) & (given > 0) & (got > 0)
    ordered = np.array(judge.codec.layout.ordered)
    same: NDArray[np.bool_] = np.where(ordered & (given != got), near, given == got)
    return same


def _classes_kept(start: pa.Table, end: pa.Table, way: pa.Table, target: str) -> float:
    first, last = np.array(start[target].to_pylist()), np.array(end[target].to_pylist())
    steps = np.array(way[target].to_pylist()).reshape(PAIRS, STEPS)
    alike = first == last
    return float((steps[alike] == first[alike, np.newaxis]).mean())
