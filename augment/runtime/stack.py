"""Records of several callers, one below the other: computed at once, and taken apart again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.data.cleaning import one_chunk
from augment.runtime.records_in import conformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from augment.data import Codec, Encoded, Unseen
    from augment.runtime.engine import Engine

__all__ = ["Stack", "addresses", "encoded_stack", "has_dictionaries", "stack_of", "stacked"]


@dataclass(frozen=True)
class Stack:
    """Conformed records of one or more callers.

    Attributes:
        table: All rows.
        sizes: How many rows each caller has.
        parts: Each caller's own records.
    """

    table: pa.Table
    sizes: tuple[int, ...]
    parts: tuple[pa.Table, ...]

    @property
    def spans(self) -> list[slice]:
        """Where each part lies."""
        return [slice(end - size, end) for size, end in zip(self.sizes, accumulate(self.sizes), strict=True)]

    def engine(self, engine: Engine) -> Engine:
        """Return the engine for these rows: what it makes of a part is what it makes of it alone."""
        return replace(engine, parts=self.sizes)

    def cut(self, table: pa.Table) -> list[pa.Table]:
        """Return each part's rows of a table, copied.

        A mere slice would take bits of its neighbours' along where Arrow writes it out, which is no
        caller's business, and is other bytes than the same rows alone.
        """
        if len(self.sizes) == 1:
            return [table]
        (batch,) = table.combine_chunks().to_batches()
        pieces = [batch.slice(span.start, span.stop - span.start) for span in self.spans]
        copies = [pa.concat_batches([piece, piece.slice(0, 0)]) for piece in pieces]
        return [pa.Table.from_batches([copy], table.schema) for copy in copies]


def stacked(tables: Sequence[pa.Table], codec: Codec, *, partial: bool) -> Stack:
    """Conform tables, all at once where each then is what it would be by itself.

    Dictionaries are each caller's own, and stay so.

    Args:
        tables: Callers' records.
        codec: The model's.
        partial: Whether columns may be absent; they count as missing throughout.

    Raises:
        RecordsError: One of them does not fit the model; which, only a stack of it alone tells.
    """
    first = tables[0].schema if isinstance(tables[0], pa.Table) else None
    alike = all(
        isinstance(table, pa.Table) and table.num_rows and table.schema.equals(first, check_metadata=True)
        for table in tables
    )
    if len(tables) == 1 or not alike or has_dictionaries(codec):
        return stack_of([conformed(table, codec.schema, partial=partial) for table in tables], codec)
    joined = conformed(pa.concat_tables(tables), codec.schema, partial=partial)
    sizes = tuple(table.num_rows for table in tables)
    parts = [joined.slice(end - size, size) for size, end in zip(sizes, accumulate(sizes), strict=True)]
    return Stack(joined, sizes, tuple(parts))


def stack_of(parts: Sequence[pa.Table], codec: Codec) -> Stack:
    """Return conformed tables as one, without text columns, whose types are each caller's own."""
    sizes = tuple(part.num_rows for part in parts)
    if len(parts) == 1:
        return Stack(parts[0], sizes, tuple(parts))
    joined = pa.concat_tables([part.select(codec.result_schema.names) for part in parts])
    columns = [one_chunk(column) for column in joined.columns]
    return Stack(pa.Table.from_arrays(columns, schema=joined.schema), sizes, tuple(parts))


def has_dictionaries(codec: Codec) -> bool:
    """Return whether some of the columns that are given back hold dictionaries."""
    return any(pt.is_dictionary(field.type) for field in codec.result_schema)


def encoded_stack(codec: Codec, stack: Stack) -> tuple[Encoded, list[tuple[Unseen, ...]]]:
    """Return all rows encoded, and for each part what the model never saw in it."""
    encoded, unseen = codec.encode(stack.table)
    if not unseen or len(stack.parts) == 1:
        return encoded, [unseen] * len(stack.parts)
    return encoded, [codec.encode(part)[1] for part in stack.parts]


def addresses(sizes: Sequence[int], first_rows: Sequence[int]) -> NDArray[np.uint64]:
    """Return the number of each row, for made identifiers: parts count from their own first rows on."""
    counted = [
        np.arange(size, dtype=np.uint64) + np.uint64(first)
        for size, first in zip(sizes, first_rows, strict=True)
    ]
    return np.concatenate(counted)
