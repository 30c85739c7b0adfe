"""Multiple imputation: whole tables whose missing cells are drawn, a row's all together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from augment.data import Encoded
from augment.errors import UnsupportedError
from augment.runtime.ahead import computed_ahead
from augment.runtime.chain import Draft, Place
from augment.runtime.judging import doubted_cells
from augment.runtime.merging import merged
from augment.runtime.results import Draws
from augment.runtime.sizes import span_of
from augment.runtime.stepwise import maker_of
from augment.runtime.wish import Wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.runtime.engine import Engine

__all__ = ["drawing_sampler", "drawn", "seed_of_draw"]


@dataclass(frozen=True)
class _Table:
    """A table to complete: its encoded records, which of their cells are given, the first row's number."""

    encoded: Encoded
    given: NDArray[np.bool_]
    first_row: int


def drawing_sampler(engine: Engine, *, model: str) -> str:
    """Return the sampler that completes records.

    Raises:
        UnsupportedError: The model, called so, has none.
    """
    if not engine.makes_all_in_steps:
        raise UnsupportedError(
            f"model {model} cannot draw completions: it has no sampler that goes "
            "column by column. Models of tables without arrays have the denoiser"
        )
    return next(iter(engine.stepwise))


def drawn(
    engine: Engine,
    sampler: str,
    given: pa.Table,
    *,
    draws: int,
    seed: int,
    threshold: float,
    absent: frozenset[str],
    first_row: int,
) -> Draws:
    """Return completed tables.

    Each is a draw of all missing cells from their joint distribution given the others of their row. Row
    r of a table has the noise of row `first_row` + r of the draw's endless table, so that neither the
    number of draws nor how a table is cut changes a cell.

    Args:
        engine: Has the graphs of the sampler and, if the threshold is above 0, `denoise`.
        sampler: Makes records column by column.
        given: Conformed records; columns that the caller left out are missing throughout.
        draws: How many tables.
        seed: Of all of them.
        threshold: A given cell is drawn anew where the probability that it is intact is below this.
        absent: The columns that the caller left out.
        first_row: The first row's number.
    """
    encoded, unseen = engine.codec.encode(given)
    kept = (encoded.tokens != 0) & ~doubted_cells(engine, encoded, threshold)
    table = _Table(encoded, kept, first_row)
    names, layout = engine.codec.result_schema.names, engine.codec.layout
    replaced = {
        name: ~kept[:, layout.names.index(name)]
        if name in layout.names
        else np.full(len(kept), name in absent)
        for name in names
    }
    completed = [
        merged(engine, given, engine.records(one, first_row), replaced)
        for one in _completed(engine, sampler, table, [seed_of_draw(seed, draw) for draw in range(draws)])
    ]
    return Draws(tuple(one.records for one in completed), completed[0].changed, seed, unseen)


def seed_of_draw(seed: int, draw: int) -> int:
    """Return the seed of one draw's noise: of its own, and another than `generate`'s for that seed."""
    digest = hashlib.sha256(f"augment draw {draw} of seed {seed}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def _completed(engine: Engine, sampler: str, table: _Table, seeds: list[int]) -> Iterator[Encoded]:
    """Yield the completed records, once for each seed."""
    rows, size = len(table.given), engine.block_rows
    blocks = range(table.first_row // size, (table.first_row + rows - 1) // size + 1)
    maker, wish = maker_of(engine, sampler), Wish(steps=len(engine.codec.layout.names), present=True)
    tasks = [(seed, block) for seed in seeds for block in blocks]

    def make(task: tuple[int, int]) -> Encoded:
        seed, block = task
        start = block * size - table.first_row
        wanted = slice(max(0, start), min(rows, start + size))
        if table.given[wanted].all():
            return _sliced(table.encoded, wanted)
        span = span_of(wanted.start - start, wanted.stop - start, engine.sizes)
        at = wanted.start - start - span.start
        cells = _drafted(table, wanted, at=at, size=span.stop - span.start)
        made = maker.complete(cells, wish, Place(seed, block, span.start))
        return _sliced(made, slice(at, at + wanted.stop - wanted.start))

    made = computed_ahead(make, tasks, threads=min(engine.threads, len(tasks)))
    for _ in seeds:
        parts = [next(made) for _ in blocks]
        yield Encoded(
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.residuals for part in parts]),
            table.encoded.arrays,
        )


def _sliced(encoded: Encoded, rows: slice) -> Encoded:
    return Encoded(encoded.tokens[rows], encoded.residuals[rows], encoded.arrays[rows])


def _drafted(table: _Table, rows: slice, *, at: int, size: int) -> Draft:
    """Return `size` records with these rows from place `at` on; of the others no cell is to be made."""
    count = rows.stop - rows.start
    shape = (size, table.given.shape[1])
    tokens, residuals = np.zeros(shape, np.int32), np.full(shape, 0.5, np.float32)
    given = np.ones(shape, np.float32)
    tokens[at : at + count] = table.encoded.tokens[rows]
    residuals[at : at + count] = table.encoded.residuals[rows]
    given[at : at + count] = table.given[rows]
    return Draft(tokens, residuals, given)
