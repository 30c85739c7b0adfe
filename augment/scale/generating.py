"""Generated rows cut into parts, each of which any worker can make by its number alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.data import Balance, parse_balance, parse_conditions
from augment.runtime.asked import checked_conditions
from augment.runtime.checks import checked_integer, checked_rows, checked_seed
from augment.scale.addresses import with_rows
from augment_proto.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from augment.runtime import Model
    from augment.runtime.asked import ConditionsLike

__all__ = ["PART_ROWS", "Generation"]

PART_ROWS = 65_536
"""Rows of a part: many blocks of noise, and few enough to be held by each worker several times over."""
_BATCH_ROWS = 16_384


@dataclass(frozen=True)
class Generation:
    """What `Model.generate` is asked for, in parts.

    Parts end at multiples of `part_rows`, counted from row 0 of the seed's endless table and not from
    `offset`: so a part is cut where blocks of noise are, and two requests that overlap cut alike.

    Attributes:
        rows: How many.
        seed: In [0, 2^64).
        offset: The first row.
        sampler: One of the model's; None: its default.
        conditions: As `Model.generate` takes them.
        balance: Likewise.
        steps: Likewise.
        part_rows: Rows of a part, at most.
        row_column: The name of a column for each row's number; None: no such column.
    """

    rows: int
    seed: int
    offset: int
    sampler: str | None
    conditions: ConditionsLike | None
    balance: Balance | str | None
    steps: int | None
    part_rows: int = PART_ROWS
    row_column: str | None = None

    def checked(self, model: Model) -> Generation:
        """Return the same in plain values, after every check that the model makes.

        Raises:
            RequestError: A parameter is out of its range, or a condition impossible.
            UnsupportedError: The model cannot generate, or not what is asked for.
        """
        rows, offset = checked_rows(self.rows, self.offset)
        names = [column.name for column in model.manifest.record_schema.columns]
        balance = self.balance
        made = replace(
            self,
            rows=rows,
            offset=offset,
            seed=checked_seed(self.seed),
            conditions=parse_conditions(checked_conditions(self.conditions), names),
            balance=parse_balance(balance, names) if isinstance(balance, str) else balance,
            part_rows=checked_integer("part_rows", self.part_rows, 1, 2**31 - 1),
        )
        made.batches(model, offset, rows)  # nothing is made before the first batch is asked for
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

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return (self.offset + self.rows - 1) // self.part_rows - self.offset // self.part_rows + 1

    def span(self, part: int) -> range:
        """Return the numbers of the rows of a part, counted from 0."""
        start = (self.offset // self.part_rows + part) * self.part_rows
        return range(max(start, self.offset), min(start + self.part_rows, self.offset + self.rows))

    def tables(self, model: Model, part: int) -> Iterator[pa.Table]:
        """Yield a part's rows in the model's result schema, a few thousand at a time."""
        span = self.span(part)
        first = span.start
        for batch in self.batches(model, first, len(span)):
            table = pa.Table.from_batches([batch]).cast(model.result_schema)
            yield with_rows(table, np.arange(first, first + table.num_rows), self.row_column)
            first += table.num_rows

    def receipt(self, model: Model) -> Receipt:
        """Return what the same rows can be had by again, here, from a server, or on another cluster."""
        conditions = parse_conditions(checked_conditions(self.conditions), ())
        plain = not conditions and self.balance is None and self.steps is None
        return Receipt(
            model=model.name,
            version=model.version,
            digest=model.digest,
            operation="generate",
            offset=self.offset,
            rows=self.rows,
            seed=self.seed,
            sampler=model.sampler_for(self.sampler, plain=plain),
            steps=self.steps or 0,
            conditions=tuple(condition.text for condition in conditions),
            balance=self.balance.text if isinstance(self.balance, Balance) else self.balance or "",
        )

    def batches(self, model: Model, offset: int, rows: int) -> Iterator[pa.RecordBatch]:
        """Return `Model.generate_batches` of this request, for some of its rows."""
        return model.generate_batches(
            rows,
            seed=self.seed,
            offset=offset,
            sampler=self.sampler,
            conditions=self.conditions,
            balance=self.balance,
            steps=self.steps,
            max_rows=_BATCH_ROWS,
        )
