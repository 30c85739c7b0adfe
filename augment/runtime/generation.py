"""Synthetic rows by their addresses: row i of a seed is the same, however it is asked for."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from augment.data import Encoded
from augment.runtime.ahead import computed_ahead
from augment.runtime.chain import Place
from augment.runtime.completing import completed
from augment.runtime.noise import block_noise
from augment.runtime.sizes import by_row, span_of
from augment.runtime.stepwise import Maker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    """Yield the wanted rows of each block they touch, several blocks made at once."""
    size, end = engine.block_rows, offset + rows
    numbers = range(offset // size, (end - 1) // size + 1)
    make = _maker_of(engine, sampler, wish)
    sizes = engine.sizes if wish.is_plain else (size,)  # the class of a row may hang on those of its block

    def wanted(block: int) -> Encoded:
        first, last = max(0, offset - block * size), min(size, end - block * size)
        span = span_of(first, last, sizes)
        made = make(Place(seed, block, span.start), span.stop - span.start)
        return _rows(made, first - span.start, last - span.start)

    with closing(computed_ahead(wanted, numbers, threads=min(engine.threads, len(numbers)))) as made:
        yield from made


def _maker_of(engine: Engine, sampler: str, wish: Wish) -> Callable[[Place, int], Encoded]:
    """Return what makes so many records from a place on, all of one block."""
    if sampler not in engine.stepwise:
        return partial(_made_at_once, engine, sampler)
    maker = Maker(engine, sampler)
    return lambda place, rows: completed(engine, sampler, maker.rows(wish, place, rows), place)


def _made_at_once(engine: Engine, sampler: str, place: Place, rows: int) -> Encoded:
    """Return records made in one go."""
    role = f"{sampler}_sample"
    graph = engine.graphs[role]
    noise = block_noise(
        graph.info.inputs, engine.block_rows, seed=place.seed, block=place.block, sampler=sampler
    )
    span = slice(place.start, place.start + rows)
    return engine.encoded(
        role, graph.run(noise | {name: array[span] for name, array in by_row(graph, noise).items()})
    )


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
