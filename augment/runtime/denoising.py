"""Imputes missing cells and repairs doubtful ones; every other cell stays as it was, to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.runtime.judging import verdict_of
from augment.runtime.merging import merged
from augment.runtime.results import Denoised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.runtime.engine import Engine
    from augment.runtime.judging import Verdict

__all__ = ["denoised"]


@dataclass(frozen=True)
class _Judged:
    """One column of the result, or all: `replaced` booleans and float32 `confidence` of one shape."""

    replaced: NDArray[np.bool_]
    confidence: NDArray[np.float32]


def denoised(
    engine: Engine, given: pa.Table, *, threshold: float, mean: bool, absent: frozenset[str], first_row: int
) -> Denoised:
    """Return repaired records.

    Args:
        engine: Has the graph `denoise`.
        given: Conformed records; columns that the caller left out are missing throughout.
        threshold: A cell is repaired where the probability that it is intact is below this; at 0 only
            missing cells are imputed, and the given ones count as right.
        mean: Of numbers take the value nearest to the mean, rather than the median.
        absent: The columns that the caller left out.
        first_row: The first row's number, for made identifiers.
    """
    encoded, unseen = engine.codec.encode(given)
    verdict = verdict_of(engine, encoded, threshold=threshold, mean=mean)
    best = engine.records(verdict.best, first_row)
    names = engine.codec.result_schema.names
    judged = {name: _column(engine, name, verdict, made=name in absent) for name in names}
    made = merged(engine, given, best, {name: column.replaced for name, column in judged.items()})
    confidence = [pa.array(column.confidence, pa.float32()) for column in judged.values()]
    return Denoised(
        records=made.records,
        changed=made.changed,
        confidence=pa.Table.from_arrays(confidence, names=names),
        unseen=unseen,
    )


def _column(engine: Engine, name: str, verdict: Verdict, *, made: bool) -> _Judged:
    """Return the verdict on one column of the result; `made`: the caller did not give it."""
    layout = engine.codec.layout
    if name in layout.array_names:
        return _array_column(engine, name, verdict)
    if name in layout.names:
        index = layout.names.index(name)
        return _Judged(verdict.replaced[:, index], verdict.confidence[:, index])
    replaced = np.full(len(verdict.replaced), made)
    return _Judged(replaced, (~replaced).astype(np.float32))


def _array_column(engine: Engine, name: str, verdict: Verdict) -> _Judged:
    """Return the verdict on an array column: above threshold 0 the denoised array is always taken.

    Noise in an array is a matter of degree, so there is no cell to keep. The confidence is one minus
    the mean square of the change in units of the training variance; 0 where nothing was there.
    """
    layout = engine.codec.layout
    missing = verdict.encoded.tokens[:, layout.names.index(name)] == 0
    place = layout.array_names.index(name)
    widths = [int(np.prod(shape)) for shape in layout.array_shapes]
    span = slice(sum(widths[:place]), sum(widths[: place + 1]))
    change = verdict.best.arrays[:, span].astype(np.float64) - verdict.encoded.arrays[:, span]
    confidence = np.where(missing, 0.0, np.clip(1.0 - np.square(change).mean(axis=1), 0.0, 1.0))
    if verdict.threshold == 0:
        return _Judged(missing, np.where(missing, 0.0, 1.0).astype(np.float32))
    return _Judged(np.ones_like(missing), confidence.astype(np.float32))
