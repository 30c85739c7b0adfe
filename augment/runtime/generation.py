"""Synthetic rows by their addresses: row i of a seed is the same, however it is asked for."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from augment.data import Encoded
from augment.runtime.ahead import computed_ahead
from augment.runtime.completing import completed
from augment.runtime.noise import block_noise
from augment.runtime.stepwise import Maker

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    import pyarrow as pa

    from augment.runtime.engine import Engine
    from augment.runtime.wish import Wish

__all__ = ["generated_batches"]


def generated_batches(
    engine: Engine, sampler: str, wish: Wish, *, seed: int, offset: int, rows: int, max_rows: int | None
) -> Iterator[pa.RecordBatch]:
    """Yield rows `offset` to `offset + rows` of the endless table of a seed and a wish, in the wire schema.

    A batch has the rows of one block; with `max_rows`, as many rows as that, but for the last one.
    """
    blocks = _blocks(engine, sampler, wish, seed=seed, offset=offset, rows=rows)
    first_row = offset
    for encoded in blocks if max_rows is None else _resized(blocks, max_rows):
        yield engine.codec.decode(encoded, first_row=first_row, seed=seed)
        first_row += len(encoded.tokens)


def _blocks(
    engine: Engine, sampler: str, wish: Wish, *, seed: int, offset: int, rows: int
) -> Iterator[Encoded]:
    """Yield the wanted rows of each block they touch."""
    size, end = engine.block_rows, offset + rows
    numbers = range(offset // size, (end - 1) // size + 1)
    blocks = _made_in_steps if sampler in engine.stepwise else _made_at_once
    with closing(blocks(engine, sampler, wish, seed, numbers)) as made:
        for block, encoded in zip(numbers, made, strict=True):
            start = block * size
            yield _rows(encoded, max(0, offset - start), min(size, end - start))


def _made_in_steps(
    engine: Engine, sampler: str, wish: Wish, seed: int, numbers: range
) -> Generator[Encoded, None, None]:
    """Yield whole blocks made column by column, several at once."""
    maker = Maker(engine, sampler)

    def make(block: int) -> Encoded:
        made = maker.block(wish, seed=seed, block=block)
        return completed(engine, sampler, made, seed=seed, block=block)

    yield from computed_ahead(make, numbers, threads=_threads(engine, numbers))


def _made_at_once(
    engine: Engine, sampler: str, wish: Wish, seed: int, numbers: range
) -> Generator[Encoded, None, None]:
    """Yield whole blocks made in one go, several at once."""
    del wish
    yield from computed_ahead(
        lambda block: _block(engine, sampler, seed=seed, block=block),
        numbers,
        threads=_threads(engine, numbers),
    )


def _threads(engine: Engine, numbers: range) -> int:
    return min(engine.threads, len(numbers))


def _block(engine: Engine, sampler: str, *, seed: int, block: int) -> Encoded:
    """Return all rows of one block, made in one go."""
    role = f"{sampler}_sample"
    graph = engine.graphs[role]
    inputs = block_noise(graph.info.inputs, engine.block_rows, seed=seed, block=block, sampler=sampler)
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
