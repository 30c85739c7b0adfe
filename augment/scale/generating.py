"""Generated rows cut into parts, each of which any worker can make by its number alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from augment.runtime.checks import checked_integer, checked_rows, checked_seed
from augment.scale.addresses import with_rows
from augment.sources.local import LocalSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from augment.runtime import Model
    from augment.sources.source import Request
    from augment_proto.receipt import Receipt

__all__ = ["PART_ROWS", "Generating"]

PART_ROWS = 65_536
"""Rows of a part: many blocks of noise, and few enough to be held by each worker several times over."""


@dataclass(frozen=True)
class Generating:
    """Rows of a data set that are made from nothing.

    Parts end at multiples of `part_rows`, counted from row 0 of the seed's endless table and not from the
    request's offset: so a part is cut where blocks of noise are, and two requests that overlap cut alike.

    Attributes:
        request: Which rows.
        part_rows: Rows of a part, at most.
        row_column: The name of a column for each row's number; None: no such column.
    """

    request: Request
    part_rows: int = PART_ROWS
    row_column: str | None = None

    def checked(self, model: Model) -> Generating:
        """Return the same in plain integers, after every check that the model makes.

        Raises:
            RequestError: A parameter is out of its range, or a condition impossible.
            UnsupportedError: The model cannot generate, or not what is asked for.
        """
        rows, offset = checked_rows(self.request.rows, self.request.offset)
        request = replace(self.request, rows=rows, offset=offset, seed=checked_seed(self.request.seed))
        made = replace(
            self, request=request, part_rows=checked_integer("part_rows", self.part_rows, 1, 2**31 - 1)
        )
        made.receipt(model)  # no row is made for it
        made.schema(model)
        return made

    def schema(self, model: Model) -> pa.Schema:
        """Return the columns of the tables, whose last one holds row numbers if it is asked for.

        Raises:
            RequestError: The model has a column of that name.
        """
        nothing = model.result_schema.empty_table()
        found: pa.Schema = with_rows(nothing, np.arange(0), self.row_column).schema
        return found

    def receipt(self, model: Model) -> Receipt:
        """Return what the same rows can be had by again, here, from a server, or on another cluster."""
        return LocalSource(model).generate(self.request).receipt

    @property
    def parts(self) -> int:
        """How many parts there are."""
        first, rows = self.request.offset, self.request.rows
        return (first + rows - 1) // self.part_rows - first // self.part_rows + 1

    def span(self, part: int) -> range:
        """Return the numbers of the rows of a part, counted from 0."""
        first, rows = self.request.offset, self.request.rows
        start = (first // self.part_rows + part) * self.part_rows
        return range(max(start, first), min(start + self.part_rows, first + rows))

    def part(self, model: Model, part: int) -> Iterator[pa.Table]:
        """Yield a part's rows in the model's result schema, a few thousand at a time."""
        span = self.span(part)
        first = span.start
        for table in LocalSource(model).generate(self.request.part(first, len(span))).tables:
            yield with_rows(table, np.arange(first, first + table.num_rows), self.row_column)
            first += table.num_rows

    def tables(self, model: Model, block: pa.Table) -> Iterator[pa.Table]:
        """Yield the rows of the parts that a block names: of each row those from `first` to before `stop`."""
        for named in block.to_pylist():
            for part in range(named["first"], named["stop"]):
                yield from self.part(model, part)
