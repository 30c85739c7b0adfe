"""Runs a graph over any number of rows in blocks, so that shapes hardly vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from augment.runtime.ahead import computed_ahead
from augment.runtime.sizes import ALIGNED_ROWS, by_row, size_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from augment.runtime.graph import Runs

__all__ = ["aligned", "run_in_blocks"]


def run_in_blocks(
    graph: Runs,
    inputs: Mapping[str, NDArray[Any]],
    *,
    sizes: Sequence[int],
    parts: Sequence[int] = (),
    threads: int = 1,
) -> dict[str, NDArray[Any]]:
    """Return the outputs for all rows of `inputs`, but for those that are said once for all rows.

    The last block may be a smaller one, and is filled up by repeating its last row; what comes of these
    is cut off. A few shapes for all calls keep onnxruntime's memory from growing and its arithmetic from
    changing with the number of rows asked for.

    Rows know nothing of each other, but their arithmetic is that of their place: a sum along a row whose
    width is no multiple of a vector register's is added up in another order where the row begins at
    another alignment (the last bits of `score` in 19 to 27 % of rows, measured). 16 rows of float32 are a
    multiple of 64 bytes, however wide. So each of several parts begins at a multiple of 16 rows, where its
    rows give what they give alone. Example: parts of 3, 20 and 1 rows begin at 0, 16 and 48.

    Args:
        graph: Takes blocks.
        inputs: Arrays by name, rows first.
        sizes: On how many rows it may run, in increasing order; the last is a whole block.
        parts: How many rows are whose, where they are of several callers.
        threads: How many blocks are computed at once.
    """
    block_rows = sizes[-1]
    own = by_row(graph, inputs)
    shared = {name: array for name, array in inputs.items() if name not in own}
    if len(parts) > 1:
        places, source = _layout(parts, ALIGNED_ROWS if block_rows % ALIGNED_ROWS == 0 else block_rows)
        spread = {name: array[source] for name, array in own.items()}
        made = run_in_blocks(graph, spread | shared, sizes=sizes, threads=threads)
        return {name: array[places] for name, array in made.items()}
    rows = len(next(iter(own.values())))

    def outputs_from(start: int) -> dict[str, NDArray[Any]]:
        count = min(block_rows, rows - start)
        size = size_for(count, sizes)
        block = {name: _filled(array[start : start + count], size) for name, array in own.items()}
        return {name: array[:count] for name, array in graph.run(shared | block).items()}

    starts = range(0, rows, block_rows)
    blocks = [*computed_ahead(outputs_from, starts, threads=min(threads, len(starts)))]
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([each[name] for each in blocks]) for name in blocks[0]}


def aligned(rows: int, step: int = ALIGNED_ROWS) -> int:
    """Return how many rows of blocks a part of so many rows takes."""
    return -(-rows // step) * step


def _layout(parts: Sequence[int], step: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the place of each row where parts are aligned, and the row at each place; gaps hold row 0."""
    starts = np.cumsum([0, *(aligned(rows, step) for rows in parts)])
    places = np.concatenate([np.arange(rows) + start for rows, start in zip(parts, starts[:-1], strict=True)])
    source = np.zeros(starts[-1], np.intp)
    source[places] = np.arange(len(places))
    return places, source


def _filled(array: NDArray[Any], block_rows: int) -> NDArray[Any]:
    """Return the array with its last row repeated until it has `block_rows` rows."""
    missing = block_rows - len(array)
    if not missing:
        return np.ascontiguousarray(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
