"""Synthetic rows by their addresses: row i of a seed is the same, however it is asked for."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from augment.data import Encoded
from augment.runtime.ahead import computed_ahead
from augment.runtime.chain import Place
from augment.runtime.completing import completed
from augment.runtime.noise import block_noise
from augment.runtime.sizes import by_row, span_of
from augment.runtime.stepwise import maker_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa

    from augment.runtime.engine import Engine
    from augment.runtime.wish import Wish

__all__ = ["generated_batches"]


def generated_batches(
    engine: Engine, sampler: str, wish: Wish, *, seed: int, offset: int, rows: int, max_rows: int | None
) -> Iterator[pa.RecordBatch]:
    """Yield rows `offset` to `offset + rows` of the endless table of a seed and a wish, in the wire schema.

    A batch ends where a multiple of `max_rows` does, so that batches of whole blocks need no part of the next
    one; without it, a batch has what is made at once.
    """
    parts = _parts(engine, sampler, wish, seed=seed, offset=offset, rows=rows, max_rows=max_rows)
    first_row = offset
    for encoded in parts if max_rows is None else _resized(parts, max_rows, offset % max_rows):
        yield engine.codec.decode(encoded, first_row=first_row, seed=seed)
        first_row += len(encoded.tokens)


def _parts(
    engine: Engine, sampler: str, wish: Wish, *, seed: int, offset: int, rows: int, max_rows: int | None
) -> Iterator[Encoded]:
    """Yield the wanted rows of the blocks they touch, one or several at a time, several times at once.

    No more at a time than leaves each thread a part of a batch, and no block with others of which a smaller
    part will do.
    """
    size, end = engine.block_rows, offset + rows
    numbers = range(offset // size, (end - 1) // size + 1)
    threads = min(engine.threads, len(numbers))
    make = _maker_of(engine, sampler, wish)
    plain = wish.is_plain  # else the class of a row may hang on those of its block
    sizes = engine.sizes if plain else (size,)
    counts = engine.counts if plain and sampler in engine.stepwise else (1,)
    wanted_soon = len(numbers) if max_rows is None else min(len(numbers), -(-max_rows // size))
    most = -(-wanted_soon // threads)

    def rows_of(blocks: range) -> tuple[int, int]:
        return max(0, offset - blocks.start * size), min(len(blocks) * size, end - blocks.start * size)

    def takes_less(number: int) -> bool:
        span = span_of(*rows_of(range(number, number + 1)), sizes)
        return bool(span.stop - span.start < size)

    def wanted(blocks: range) -> Encoded:
        first, last = rows_of(blocks)
        span = span_of(first, last, sizes) if len(blocks) == 1 else slice(0, len(blocks) * size)
        made = make(Place(seed, blocks.start, span.start), span.stop - span.start)
        return _rows(made, first - span.start, last - span.start)

    start = numbers.start + takes_less(numbers[0])
    stop = max(start, numbers.stop - takes_less(numbers[-1]))
    alone_or_not = range(numbers.start, start), range(start, stop), range(stop, numbers.stop)
    lengths = [count for count in counts if count <= most]
    parts = chain.from_iterable(_cut(blocks, lengths) for blocks in alone_or_not)
    with closing(computed_ahead(wanted, parts, threads=threads)) as made:
        yield from made


def _cut(numbers: range, counts: Sequence[int]) -> Iterator[range]:
    """Yield numbers in runs, each as long as the longest of some lengths, one of which is 1, that fits."""
    start = numbers.start
    while start < numbers.stop:
        count = max(count for count in counts if start + count <= numbers.stop)
        yield range(start, start + count)
        start += count


def _maker_of(engine: Engine, sampler: str, wish: Wish) -> Callable[[Place, int], Encoded]:
    """Return what makes so many records from a place on: of one block, or whole blocks if in steps."""
    if sampler not in engine.stepwise:
        return partial(_made_at_once, engine, sampler)
    maker = maker_of(engine, sampler)
    return lambda place, rows: completed(engine, sampler, maker.rows(wish, place, rows), place)


def _made_at_once(engine: Engine, sampler: str, place: Place, rows: int) -> Encoded:
    """Return records of one block, made in one go."""
    role = f"{sampler}_sample"
    graph = engine.graphs[role]
    noise = block_noise(
        graph.info.inputs, engine.block_rows, seed=place.seed, block=place.block, sampler=sampler
    )
    span = slice(place.start, place.start + rows)
    return engine.encoded(
        role, graph.run(noise | {name: array[span] for name, array in by_row(graph, noise).items()})
    )


def _resized(parts: Iterable[Encoded], size: int, before: int) -> Iterator[Encoded]:
    """Yield the same rows in parts of `size`; the first lacks `before` rows, the last what is not there."""
    waiting: list[Encoded] = []
    count, wanted = 0, size - before
    for part in parts:
        waiting.append(part)
        count += len(part.tokens)
        if count < wanted:
            continue
        joined, start = _joined(waiting), 0
        while start + wanted <= count:
            yield _rows(joined, start, start + wanted)
            start, wanted = start + wanted, size
        waiting, count = ([_rows(joined, start, count)] if start < count else []), count - start
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
