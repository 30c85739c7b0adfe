"""Imputes missing cells and repairs doubtful ones; every other cell stays as it was, to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.runtime.judging import verdict_of
from augment.runtime.merging import Merged, merged
from augment.runtime.results import Denoised
from augment.runtime.stack import addresses, encoded_stack, has_dictionaries, stack_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from augment.runtime.engine import Engine
    from augment.runtime.judging import Verdict
    from augment.runtime.stack import Stack

__all__ = ["denoised", "denoised_stack"]


@dataclass(frozen=True)
class _Judged:
    """One column of the result, or all: `replaced` booleans and float32 `confidence` of one shape."""

    replaced: NDArray[np.bool_]
    confidence: NDArray[np.float32]


def denoised(
    engine: Engine, given: pa.Table, *, threshold: float, mean: bool, absent: frozenset[str], first_row: int
) -> Denoised:
    """Return repaired records of one caller; see `denoised_stack`."""
    stack = stack_of([given], engine.codec)
    (made,) = denoised_stack(
        engine, stack, threshold=threshold, mean=mean, absent=[absent], first_rows=[first_row]
    )
    return made


def denoised_stack(
    engine: Engine,
    stack: Stack,
    *,
    threshold: float,
    mean: bool,
    absent: Sequence[frozenset[str]],
    first_rows: Sequence[int],
) -> list[Denoised]:
    """Return each caller's records, repaired.

    Args:
        engine: Has the graph `denoise`.
        stack: Conformed records; columns that a caller left out are missing throughout.
        threshold: A cell is repaired where the probability that it is intact is below this; at 0 only
            missing cells are imputed, and the given ones count as right.
        mean: Of numbers take the value nearest to the mean, rather than the median.
        absent: The columns that each caller left out.
        first_rows: The number of each caller's first row, for made identifiers.
    """
    encoded, unseen = encoded_stack(engine.codec, stack)
    engine = stack.engine(engine)
    verdict = verdict_of(engine, encoded, threshold=threshold, mean=mean)
    best = engine.records(verdict.best, addresses(stack.sizes, first_rows))
    names = engine.codec.result_schema.names
    made = {name: np.repeat([name in left for left in absent], stack.sizes) for name in names}
    judged = {name: _column(engine, name, verdict, made=made[name]) for name in names}
    replaced = {name: column.replaced for name, column in judged.items()}
    columns = [pa.array(column.confidence, pa.float32()) for column in judged.values()]
    confidence = stack.cut(pa.Table.from_arrays(columns, names=names))
    parts = zip(_merged_stack(engine, stack, best, replaced), confidence, unseen, strict=True)
    return [Denoised(part.records, part.changed, sure, told) for part, sure, told in parts]


def _merged_stack(
    engine: Engine, stack: Stack, best: pa.Table, replaced: Mapping[str, NDArray[np.bool_]]
) -> list[Merged]:
    """Return each caller's records with what is better; where there are dictionaries, with their own."""
    if len(stack.parts) > 1 and has_dictionaries(engine.codec):
        pieces = zip(stack.parts, stack.cut(best), stack.spans, strict=True)
        return [
            merged(engine, part, better, {name: which[span] for name, which in replaced.items()})
            for part, better, span in pieces
        ]
    made = merged(engine, stack.table, best, replaced)
    pairs = zip(stack.cut(made.records), stack.cut(made.changed), strict=True)
    return [Merged(records, changed) for records, changed in pairs]


def _column(engine: Engine, name: str, verdict: Verdict, *, made: NDArray[np.bool_]) -> _Judged:
    """Return the verdict on one column of the result; `made`: whether the row's caller left it out."""
    layout = engine.codec.layout
    if name in layout.array_names:
        return _array_column(engine, name, verdict)
    if name in layout.names:
        index = layout.names.index(name)
        return _Judged(verdict.replaced[:, index], verdict.confidence[:, index])
    return _Judged(made, (~made).astype(np.float32))


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
