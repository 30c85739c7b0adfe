"""Synthetic rows by their addresses: row i of a seed is the same, however it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from augment.data import Encoded
from augment.runtime.noise import noise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from augment.runtime.engine import Engine

__all__ = ["generated_batches"]


def generated_batches(
    engine: Engine, sampler: str, *, seed: int, offset: int, rows: int, max_rows: int | None
) -> Iterator[pa.RecordBatch]:
    """Yield rows `offset` to `offset + rows` of the seed's endless table, in the wire schema.

    A batch has the rows of one block; with `max_rows`, as many rows as that, but for the last one.
    """
    blocks = _blocks(engine, sampler, seed=seed, offset=offset, rows=rows)
    first_row = offset
    for encoded in blocks if max_rows is None else _resized(blocks, max_rows):
        yield engine.codec.decode(encoded, first_row=first_row, seed=seed)
        first_row += len(encoded.tokens)


def _blocks(engine: Engine, sampler: str, *, seed: int, offset: int, rows: int) -> Iterator[Encoded]:
    """Yield the wanted rows of each block they touch."""
    size, end = engine.block_rows, offset + rows
    for block in range(offset // size, (end - 1) // size + 1):
        encoded = _block(engine, sampler, seed=seed, block=block)
        start = block * size
        yield _rows(encoded, max(0, offset - start), min(size, end - start))


def _block(engine: Engine, sampler: str, *, seed: int, block: int) -> Encoded:
    """Return all rows of one block."""
    role = f"{sampler}_sample"
    graph = engine.graphs[role]
    inputs = {
        info.name: noise(
            info.name,
            [engine.block_rows if isinstance(side, str) else side for side in info.shape],
            seed=seed,
            block=block,
            sampler=sampler,
        )
        for info in graph.info.inputs
    }
    return engine.encoded(role, graph.run(inputs))


def _resized(parts: Iterable[Encoded], size: int) -> Iterator[Encoded]:
    """Yield the same rows in parts of `size` rows, but for the last one."""
    waiting: list[Encoded] = []
    count = 0
    for part in parts:
        waiting.append(part)
        count += len(part.tokens)
        if count >= size:
            joined = _joined(waiting)
            whole = count - count % size
            for start in range(0, whole, size):
                yield _rows(joined, start, start + size)
            waiting = [_rows(joined, whole, count)] if whole < count else []
            count -= whole
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[Encoded]) -> Encoded:
    """Return the rows of all parts."""
    if len(parts) == 1:
        return parts[0]
    return Encoded(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.residuals for part in parts]),
        np.concatenate([part.arrays for part in parts]),
    )


def _rows(encoded: Encoded, start: int, end: int) -> Encoded:
    """Return the rows from `start` to `end`."""
    if start == 0 and end == len(encoded.tokens):
        return encoded
    return Encoded(encoded.tokens[start:end], encoded.residuals[start:end], encoded.arrays[start:end])
