"""Imputes missing cells and repairs doubtful ones; every other cell stays as it was, to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from augment.runtime.engine import graph_inputs
from augment.runtime.results import Denoised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data import Encoded
    from augment.runtime.engine import Engine

__all__ = ["denoised"]


@dataclass(frozen=True)
class _Judged:
    """Cells that were judged.

    Attributes:
        replaced: Booleans of shape (rows,) or (rows, columns): the given cell is given up.
        confidence: float32 likewise: the probability of what stands there now.
    """

    replaced: NDArray[np.bool_]
    confidence: NDArray[np.float32]


@dataclass(frozen=True)
class _Case:
    """One call.

    Attributes:
        encoded: What the caller gave.
        best: What the model believes in, without missing cells.
        cells: The verdict on the token columns, of shape (rows, C).
        threshold: Below which probability a cell is repaired.
    """

    encoded: Encoded
    best: Encoded
    cells: _Judged
    threshold: float


def denoised(
    engine: Engine, given: pa.Table, *, threshold: float, absent: frozenset[str], first_row: int
) -> Denoised:
    """Return repaired records.

    Args:
        engine: Has the graph `denoise`.
        given: Conformed records; columns that the caller left out are missing throughout.
        threshold: A cell is repaired where the probability that it is intact is below this; at 0 only
            missing cells are imputed.
        absent: The columns that the caller left out.
        first_row: The first row's number, for made identifiers.
    """
    encoded, unseen = engine.codec.encode(given)
    case = _judged(engine, encoded, threshold)
    best = engine.records(case.best, first_row)
    schema = engine.codec.result_schema
    records, changed, confidence = [], [], []
    for name in schema.names:
        cells = _column(engine, name, case, made=name in absent)
        before, after = given.column(name), best.column(name)
        records.append(_merged(before, after, cells.replaced))
        changed.append(
            pa.array(cells.replaced & _differs(before, after, name in engine.codec.layout.array_names))
        )
        confidence.append(pa.array(cells.confidence, pa.float32()))
    return Denoised(
        records=pa.Table.from_arrays(records, schema=schema),
        changed=pa.Table.from_arrays(changed, names=schema.names),
        confidence=pa.Table.from_arrays(confidence, names=schema.names),
        unseen=unseen,
    )


def _judged(engine: Engine, encoded: Encoded, threshold: float) -> _Case:
    """Ask the graph about every token column."""
    observed = encoded.tokens != 0
    outputs = engine.run("denoise", graph_inputs(encoded) | {"observed": observed.astype(np.float32)})
    best = engine.encoded("denoise", outputs, prefix="clean_")
    doubted = (outputs["intact"] < threshold) & (best.tokens != encoded.tokens)
    replaced = ~observed | doubted
    confidence = np.where(replaced, outputs["probability"], outputs["intact"])
    return _Case(encoded, best, _Judged(replaced, np.clip(confidence, 0, 1)), threshold)


def _column(engine: Engine, name: str, case: _Case, *, made: bool) -> _Judged:
    """Return the verdict on one column of the result; `made`: the caller did not give it."""
    layout = engine.codec.layout
    if name in layout.array_names:
        return _array_column(engine, name, case)
    if name in layout.names:
        index = layout.names.index(name)
        return _Judged(case.cells.replaced[:, index], case.cells.confidence[:, index])
    replaced = np.full(len(case.encoded.tokens), made)
    return _Judged(replaced, (~replaced).astype(np.float32))


def _array_column(engine: Engine, name: str, case: _Case) -> _Judged:
    """Return the verdict on an array column: above threshold 0 the denoised array is always taken.

    Noise in an array is a matter of degree, so there is no cell to keep. The confidence is one minus
    the mean square of the change in units of the training variance; 0 where nothing was there.
    """
    layout = engine.codec.layout
    missing = case.encoded.tokens[:, layout.names.index(name)] == 0
    place = layout.array_names.index(name)
    widths = [int(np.prod(shape)) for shape in layout.array_shapes]
    span = slice(sum(widths[:place]), sum(widths[: place + 1]))
    change = case.best.arrays[:, span].astype(np.float64) - case.encoded.arrays[:, span]
    confidence = np.where(missing, 0.0, np.clip(1.0 - np.square(change).mean(axis=1), 0.0, 1.0))
    if case.threshold == 0:
        return _Judged(missing, np.where(missing, 0.0, 1.0).astype(np.float32))
    return _Judged(np.ones_like(missing), confidence.astype(np.float32))


def _merged(before: pa.ChunkedArray, after: pa.ChunkedArray, replaced: NDArray[np.bool_]) -> pa.ChunkedArray:
    """Return `after` where replaced, else `before` with its very bits."""
    if not replaced.any():
        return before
    if replaced.all():
        return after
    rows = len(replaced)
    both = pa.chunked_array([*before.chunks, *after.chunks], type=before.type)
    return both.take(pa.array(np.arange(rows) + rows * replaced))


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray, is_array: bool) -> NDArray[np.bool_]:  # noqa: FBT001
    """Return which cells are other than before; token columns are judged by their tokens already."""
    differs = np.ones(len(before), np.bool_)
    there = np.flatnonzero(np.asarray(before.is_valid()))
    if is_array and len(there):
        differs[there] = (_elements(before, there) != _elements(after, there)).any(axis=1)
    return differs


def _elements(column: pa.ChunkedArray, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Return the elements of some arrays of a column, shape (rows, width)."""
    cells = pa.concat_arrays(column.take(pa.array(rows)).chunks)
    storage = cells.storage if isinstance(cells, pa.ExtensionArray) else cells
    return np.asarray(storage.flatten()).reshape(len(rows), -1)
