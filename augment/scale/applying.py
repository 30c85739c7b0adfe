"""What a model makes of the rows of a table, wherever the table was cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from augment.data.schema import IdentifierColumn
from augment.errors import RecordsError
from augment.runtime import Part
from augment.runtime.checks import checked_choice, checked_share
from augment.runtime.joint import NUMBERS, only
from augment.runtime.records_in import conformed, latent_names, require_columns
from augment.runtime.sizes import ALIGNED_ROWS
from augment.scale.addresses import ROW_COLUMN, placed, row_numbers, with_rows
from augment.scale.operations import Denoise, Encode, Score
from augment_proto.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from augment.runtime import Model

__all__ = ["Applying", "denoising"]

_PIECE_ROWS = 65_536


def denoising(threshold: float | None, numbers: str | None) -> Denoise:
    """Return the operation with these parameters; None: the usual one.

    Raises:
        RequestError: One is out of its range.
    """
    given: dict[str, Any] = {}
    if threshold is not None:
        given["threshold"] = checked_share("threshold", threshold)
    if numbers is not None:
        given["numbers"] = checked_choice("numbers", numbers, NUMBERS)
    return Denoise(**given)


@dataclass(frozen=True)
class Applying:
    """Rows of a data set that an operation makes of given ones, block by block.

    What is made of a row is what is made of it in the whole table that its number counts in, to the bit,
    wherever that was cut. Without numbers it is the same but for the last bits of floats.

    Attributes:
        operation: What is done.
        row_column: The column of rows' numbers, where blocks have it: it is kept. None: they have none.
    """

    operation: Denoise | Encode | Score
    row_column: str | None = ROW_COLUMN

    @property
    def appends(self) -> bool:
        """Whether what is made is appended to the records, which then must have all columns of the model.

        Else it stands in their place, columns and identifiers that were absent included.
        """
        return not isinstance(self.operation, Denoise)

    def schema(self, model: Model) -> pa.Schema:
        """Return the columns that are made."""
        match self.operation:
            case Denoise():
                return model.result_schema
            case Encode():
                names = latent_names(model.manifest.latent_dim)
            case Score():
                names = ["score", "percentile"] if model.manifest.score_quantiles else ["score"]
        return pa.schema([(name, pa.float32()) for name in names])

    def receipt(self, model: Model) -> Receipt:
        """Return what is made and by which model; of how many rows, nobody knows beforehand: left out."""
        return Receipt(model.name, model.version, model.digest, self.operation.do)

    def check(self, model: Model, found: pa.Schema | None) -> None:
        """Refuse a model that cannot do it, and columns that it cannot take, before any row is there.

        Args:
            model: Does it.
            found: The columns; None: nobody knows them yet.

        Raises:
            UnsupportedError: The model cannot.
            RecordsError: A column is missing, unknown, of another type, or what the operation makes.
        """
        model.joint.require(self.operation.do)
        if found is None:
            return
        self._check_names(model, found.names)
        kept = [field for field in found if field.name != self.row_column]
        if self.appends:
            kept = [field for field in kept if model.manifest.record_schema.column(field.name) is not None]
        require_columns(pa.schema(kept), model.codec.schema, partial=not self.appends)

    def tables(self, model: Model, block: pa.Table) -> Iterator[pa.Table]:
        """Yield what is made of a block's rows, some thousands at a time; nothing of an empty one.

        Raises:
            RecordsError: The records do not fit the model, or identifiers are to be made of rows that have no
                numbers.
        """
        for start in range(0, block.num_rows, _PIECE_ROWS):
            yield self._made(model, block.slice(start, _PIECE_ROWS))

    def _made(self, model: Model, table: pa.Table) -> pa.Table:
        """Return what is made of a few rows, one or more."""
        self._check_names(model, table.column_names)
        name = self.row_column if self.row_column in table.column_names else None
        rows = None if name is None else row_numbers(table, name)
        given = table if name is None else table.drop_columns([name])
        if self.appends:  # other columns, such as latent vectors, are passed on beside
            schema = model.manifest.record_schema
            given = given.select([each for each in given.column_names if schema.column(each) is not None])
        made = self._results(model, [Part(given)])[0] if rows is None else self._in_places(model, given, rows)
        if not self.appends:
            return made if rows is None else with_rows(made, rows, name)
        for each, column in zip(made.column_names, made.columns, strict=True):
            table = table.append_column(each, column)
        return table

    def _in_places(self, model: Model, records: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
        """Return what is made of records, computed where their numbers say."""
        block = model.manifest.block_rows
        places = placed(rows, ALIGNED_ROWS if block % ALIGNED_ROWS == 0 else block)
        spread = records if places.is_whole else records.take(pa.array(places.source))
        parts = [
            Part(spread.slice(span.start, span.stop - span.start), first)
            for span, first in zip(places.spans, places.firsts, strict=True)
        ]
        try:
            made = self._results(model, parts)
        except RecordsError:  # say which row it was of those that are there
            context = f"rows from {rows[0]} on"
            conformed(records, model.codec.schema, partial=not self.appends, context=context)
            raise
        joined = pa.concat_tables(made).unify_dictionaries().combine_chunks()
        return joined if places.is_whole else joined.take(pa.array(places.kept)).combine_chunks()

    def _results(self, model: Model, parts: Sequence[Part]) -> list[pa.Table]:
        """Return what is made of each part."""
        match self.operation:
            case Denoise(threshold=threshold, numbers=numbers):
                repaired = model.joint.denoise(parts, threshold=threshold, numbers=numbers)
                return [only([one]).records for one in repaired]
            case Encode():
                return [only([one]).latent for one in model.joint.encode(parts)]
            case Score():
                return [only([one]).scores for one in model.joint.score(parts)]

    def _check_names(self, model: Model, names: Sequence[str]) -> None:
        """Refuse columns that would be there twice, and rows of which identifiers cannot be made."""
        made = self.schema(model).names if self.appends else ()
        if taken := [name for name in made if name in names]:
            rule = f"must not be there, for {self.operation.do} makes it"
            raise RecordsError.of(f"columns.{taken[0]}", rule, "such a column", "Rename it before")
        if self.appends or self.row_column in names:
            return
        identifiers = [
            each.name for each in model.manifest.record_schema.columns if isinstance(each, IdentifierColumn)
        ]
        if absent := [name for name in identifiers if name not in names]:
            raise RecordsError.of(
                f"columns.{self.row_column or ROW_COLUMN}",
                f"must hold the number of each row, of which identifiers are made: {', '.join(absent)}",
                "no such column",
                "Number the rows with `numbered`, or give the identifiers",
            )
