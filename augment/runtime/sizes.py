"""On how many rows graphs may run: on whole blocks, and on fewer or more rows that give the same bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from augment.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from augment.bundle import GoldenCase
    from augment.runtime.graph import Runs

__all__ = ["ALIGNED_ROWS", "by_row", "size_for", "span_of", "steady_counts", "steady_sizes"]

ALIGNED_ROWS = 16
"""What begins at a multiple of it begins where memory is aligned: 16 float32 are 64 bytes, however wide."""

_LEAST_ROWS = 32
_COUNTS = (1, 2, 4, 8)


def size_for(rows: int, sizes: Sequence[int]) -> int:
    """Return the smallest of some sizes, the last of which is that of a block, that so many rows fit in."""
    return next((size for size in sizes if size >= rows), sizes[-1])


def span_of(first: int, end: int, sizes: Sequence[int]) -> slice:
    """Return which rows of a block to compute where those from `first` to `end` are wanted."""
    starts = {size: min(first - first % ALIGNED_ROWS, sizes[-1] - size) for size in sizes}
    size = next(size for size in sizes if end <= starts[size] + size)
    return slice(starts[size], starts[size] + size)


def by_row(graph: Runs, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return those inputs of a graph that have a row for each record, and are not said once for all."""
    once = {info.name for info in graph.info.inputs if isinstance(info.shape[0], int)}
    return {name: array for name, array in inputs.items() if name not in once}


def steady_sizes(
    graphs: Mapping[str, Runs], cases: Iterable[GoldenCase], *, block_rows: int
) -> tuple[int, ...]:
    """Return the numbers of rows, in increasing order, on which all graphs give the bits of a whole block.

    A row's arithmetic is its own, but which kernel does it may hang on how many rows there are, on this
    processor or that: so it is tried, with the recorded inputs over and over, in the first and the last
    place of a block. Halves, quarters and so on of a block down to 32 rows come into question, so that
    onnxruntime sees few shapes.

    Args:
        graphs: By role.
        cases: Recorded inputs; without one for each graph only whole blocks are steady.
        block_rows: Rows of a block.
    """
    sizes = [block_rows]
    while sizes[0] % (2 * ALIGNED_ROWS) == 0 and sizes[0] // 2 >= _LEAST_ROWS:
        sizes.insert(0, sizes[0] // 2)
    left = set(graphs)
    for case in cases:
        left.discard(case.graph)
        sizes = _steady_of(graphs[case.graph], case.inputs, sizes)
    return (block_rows,) if left else tuple(sizes)


def steady_counts(
    graphs: Mapping[str, Runs], cases: Iterable[GoldenCase], *, block_rows: int, most_rows: int
) -> tuple[int, ...]:
    """Return how many blocks, in increasing order, all graphs may run on at once: each gets its own bits.

    What Python does for a run of a graph it does once for all of them, and other threads wait less for its
    lock. It is tried likewise, on copies of one block.

    Args:
        graphs: By role.
        cases: Recorded inputs; without one for each graph there is only one block at a time.
        block_rows: Rows of a block.
        most_rows: What is not tried: more rows than that.
    """
    counts = [count for count in _COUNTS if count == 1 or count * block_rows <= most_rows]
    left = set(graphs)
    for case in cases:
        if case.graph in graphs:
            left.discard(case.graph)
            counts = _steady_counts_of(graphs[case.graph], case.inputs, counts, block_rows)
    return (1,) if left else tuple(counts)


def _steady_counts_of(
    graph: Runs, recorded: Mapping[str, NDArray[Any]], counts: Sequence[int], block_rows: int
) -> list[int]:
    """Return those of some numbers of blocks that are steady for one graph."""
    if counts[-1] == 1:
        return [*counts]
    shared, whole = _block_of(graph, recorded, block_rows)
    wanted = graph.run(shared | whole)

    def is_steady(count: int) -> bool:
        try:
            found = graph.run(
                shared | {name: np.concatenate([array] * count) for name, array in whole.items()}
            )
        except GraphError:  # it was written for so many rows and no others
            return False
        return all(found[name].tobytes() == array.tobytes() * count for name, array in wanted.items())

    return [count for count in counts if count == 1 or is_steady(count)]


def _block_of(
    graph: Runs, recorded: Mapping[str, NDArray[Any]], block_rows: int
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Return recorded inputs over and over: those that are said once, and those by row, of one block."""
    rows = by_row(graph, recorded)
    whole = {name: array[np.arange(block_rows) % len(array)] for name, array in rows.items()}
    return {name: array for name, array in recorded.items() if name not in rows}, whole


def _steady_of(graph: Runs, recorded: Mapping[str, NDArray[Any]], sizes: Sequence[int]) -> list[int]:
    """Return those of some sizes that are steady for one graph."""
    block_rows = sizes[-1]
    shared, whole = _block_of(graph, recorded, block_rows)
    if not whole:
        return [*sizes]
    wanted = graph.run(shared | whole)

    def is_steady(size: int) -> bool:
        for start in {0, block_rows - size}:
            span = slice(start, start + size)
            try:
                found = graph.run(shared | {name: array[span] for name, array in whole.items()})
            except GraphError:  # it was written for so many rows and no others
                return False
            if any(found[name].tobytes() != array[span].tobytes() for name, array in wanted.items()):
                return False
        return True

    return [size for size in sizes if size == block_rows or is_steady(size)]
