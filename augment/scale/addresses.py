"""The number of each row, beside it in a column, and where its arithmetic then has to take place.

A row's number says two things. Identifiers are made from it. And the last bits of what a graph computes may
hang on where in memory the row lies (`augment.runtime.blocks`): equal for places that are equal modulo 16.
So a worker that has rows 20 to 29 of a table lays them out at places 4 to 13, and gives what whoever has the
whole table gives, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.errors import RecordsError, RequestError
from augment.runtime.sizes import ALIGNED_ROWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ROW_COLUMN", "Places", "placed", "row_numbers", "with_rows"]

ROW_COLUMN = "_row"
"""The usual name of the column."""


def row_numbers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Return the numbers of a table's rows.

    Raises:
        RecordsError: The column holds something else than integers from 0.
    """
    column = table.column(name)
    field, rule = f"columns.{name}", "must hold the number of each row, integers from 0"
    if not pt.is_integer(column.type):
        raise RecordsError.of(field, rule, str(column.type), "Leave it out, or number the rows anew")
    if column.null_count:
        raise RecordsError.of(field, rule, None, "Leave it out, or number the rows anew")
    rows = np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)
    if len(rows) and rows.min() < 0:
        raise RecordsError.of(field, rule, int(rows.min()))
    return rows


def with_rows(table: pa.Table, rows: NDArray[np.integer], name: str | None) -> pa.Table:
    """Return the table with its rows' numbers in a last column; None: as it is.

    Raises:
        RequestError: It has a column of that name already.
    """
    if name is None:
        return table
    if name in table.column_names:
        raise RequestError.of("row_column", "must not be the name of another column", name)
    return table.append_column(pa.field(name, pa.int64(), nullable=False), pa.array(rows, pa.int64()))


@dataclass(frozen=True)
class Places:
    """Where each of N rows is computed.

    Attributes:
        source: The row at each place, int64 of shape (places,): places between rows repeat the row after.
        kept: The place of each row, int64 of shape (N,).
        starts: The first place of each part, in which row numbers go up without a gap.
        firsts: The number that a row at the first place of each part would have: a multiple of `align`.
    """

    source: NDArray[np.int64]
    kept: NDArray[np.int64]
    starts: tuple[int, ...]
    firsts: tuple[int, ...]

    @property
    def spans(self) -> list[slice]:
        """The places of each part."""
        ends = (*self.starts[1:], len(self.source))
        return [slice(start, end) for start, end in zip(self.starts, ends, strict=True)]

    @property
    def is_whole(self) -> bool:
        """Whether rows stay as they are: one part without anything between."""
        return len(self.source) == len(self.kept) and len(self.starts) == 1


def placed(rows: NDArray[np.int64], align: int = ALIGNED_ROWS) -> Places:
    """Return places for rows of these numbers, each equal to its number modulo `align`.

    A new part begins where numbers go down, or pass over a whole stretch of `align`.

    >>> places = placed(np.array([18, 19, 21, 64, 3]), align=16)
    >>> places.kept.tolist(), places.starts, places.firsts
    ([2, 3, 5, 6, 10], (0, 6, 7), (16, 64, 0))
    """
    before = np.concatenate([[-1], rows[:-1]])
    begins = (rows <= before) | (rows // align - before // align > 1)
    begins[:1] = True
    counts = np.where(begins, rows % align + 1, rows - before)
    ends = np.cumsum(counts)
    starts = (ends - counts)[begins]
    firsts = (rows - rows % align)[begins]
    return Places(
        np.repeat(np.arange(len(rows)), counts), ends - 1, tuple(starts.tolist()), tuple(firsts.tolist())
    )
