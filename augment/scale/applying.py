"""What a model makes of the rows of a table, wherever the table was cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import pyarrow as pa

from augment.data.schema import IdentifierColumn
from augment.errors import RecordsError
from augment.runtime import Part
from augment.runtime.checks import checked_choice, checked_share
from augment.runtime.joint import NUMBERS, only
from augment.runtime.records_in import conformed, latent_names, require_columns
from augment.runtime.sizes import ALIGNED_ROWS
from augment.scale.addresses import ROW_COLUMN, placed, row_numbers, with_rows
from augment_proto.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from augment.runtime import Model

__all__ = ["Denoise", "Encode", "Operation", "Score", "applied", "fit", "receipt_of"]

_PIECE_ROWS = 65_536


class Operation(Protocol):
    """Something that a model makes of records, row by row.

    Attributes:
        name: What it is called in `Model.operations`.
        partial: Whether columns may be absent.
        appends: Whether what is made is appended to the records, or stands in their place, identifiers
            that were absent included.
    """

    name: ClassVar[str]
    partial: ClassVar[bool]
    appends: ClassVar[bool]

    def results(self, model: Model, parts: Sequence[Part]) -> list[pa.Table]:
        """Return what is made of each part.

        Raises:
            RecordsError: The records do not fit the model.
        """

    def schema(self, model: Model) -> pa.Schema:
        """Return the columns that are made."""


@dataclass(frozen=True)
class Denoise:
    """Impute and repair; see `Model.denoise`."""

    threshold: float | None = None
    numbers: str | None = None
    name: ClassVar[str] = "denoise"
    partial: ClassVar[bool] = True
    appends: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse parameters out of their range with a RequestError."""
        if self.threshold is not None:
            checked_share("threshold", self.threshold)
        if self.numbers is not None:
            checked_choice("numbers", self.numbers, NUMBERS)

    def results(self, model: Model, parts: Sequence[Part]) -> list[pa.Table]:
        """Return the repaired records of each part."""
        made = model.joint.denoise(parts, threshold=self.threshold, numbers=self.numbers)
        return [only([one]).records for one in made]

    def schema(self, model: Model) -> pa.Schema:
        """Return the model's result schema."""
        return model.result_schema


@dataclass(frozen=True)
class Encode:
    """Append latent vectors; see `Model.encode`."""

    name: ClassVar[str] = "encode"
    partial: ClassVar[bool] = False
    appends: ClassVar[bool] = True

    def results(self, model: Model, parts: Sequence[Part]) -> list[pa.Table]:
        """Return the latent vectors of each part."""
        return [only([one]).latent for one in model.joint.encode(parts)]

    def schema(self, model: Model) -> pa.Schema:
        """Return columns `latent_0` and so on."""
        return pa.schema([(name, pa.float32()) for name in latent_names(model.manifest.latent_dim)])


@dataclass(frozen=True)
class Score:
    """Append how unusual records are; see `Model.score`."""

    name: ClassVar[str] = "score"
    partial: ClassVar[bool] = False
    appends: ClassVar[bool] = True

    def results(self, model: Model, parts: Sequence[Part]) -> list[pa.Table]:
        """Return the scores of each part."""
        return [only([one]).scores for one in model.joint.score(parts)]

    def schema(self, model: Model) -> pa.Schema:
        """Return `score` and, of bundles that hold quantiles, `percentile`."""
        names = ["score", "percentile"] if model.manifest.score_quantiles else ["score"]
        return pa.schema([(name, pa.float32()) for name in names])


def receipt_of(model: Model, operation: Operation) -> Receipt:
    """Return what was made and by which model; of how many rows is left out: nobody knows it beforehand."""
    return Receipt(model.name, model.version, model.digest, operation.name)


def fit(model: Model, operation: Operation, found: pa.Schema, row_column: str | None) -> None:
    """Refuse columns that the operation cannot take, before any row is there.

    Raises:
        RecordsError: One is missing, unknown, of another type, or what the operation makes.
    """
    kept = [field for field in found if field.name != row_column]
    if operation.appends:
        kept = [field for field in kept if model.manifest.record_schema.column(field.name) is not None]
        _require_free(operation, found.names, model)
    elif row_column not in found.names:
        _require_identifiers(model, found.names, row_column)
    require_columns(pa.schema(kept), model.codec.schema, partial=operation.partial)


def applied(
    model: Model, operation: Operation, table: pa.Table, row_column: str | None = ROW_COLUMN
) -> Iterator[pa.Table]:
    """Yield what is made of a table's rows, some thousands at a time; nothing of an empty table.

    What is made of a row is what is made of it in the whole table that its number counts in, to the bit,
    wherever that was cut. Without numbers it is the same but for the last bits of floats.

    Args:
        model: Does it.
        operation: What to do.
        table: Records. If it has a column `row_column`, that holds the rows' numbers and is kept.
        row_column: Its name; None: there is none.

    Raises:
        RecordsError: The records do not fit the model, or identifiers are to be made of rows that have no
            numbers.
    """
    numbered = row_column is not None and row_column in table.column_names
    if not operation.appends and not numbered:
        _require_identifiers(model, table.column_names, row_column)
    for start in range(0, table.num_rows, _PIECE_ROWS):
        piece = table.slice(start, _PIECE_ROWS)
        yield _applied(model, operation, piece, row_column if numbered else None)


def _applied(model: Model, operation: Operation, table: pa.Table, row_column: str | None) -> pa.Table:
    """Return what is made of a few rows, one or more."""
    given = table if row_column is None else table.drop_columns([row_column])
    records = _known(model, given) if operation.appends else given
    made = _made(model, operation, records, table, row_column)
    if not operation.appends:
        return made if row_column is None else with_rows(made, row_numbers(table, row_column), row_column)
    _require_free(operation, table.column_names, model)
    for name, column in zip(made.column_names, made.columns, strict=True):
        table = table.append_column(name, column)
    return table


def _made(
    model: Model, operation: Operation, records: pa.Table, table: pa.Table, row_column: str | None
) -> pa.Table:
    """Return what is made of records, computed where their numbers say."""
    if row_column is None:
        return _only(model, operation, records)
    rows = row_numbers(table, row_column)
    block = model.manifest.block_rows
    places = placed(rows, ALIGNED_ROWS if block % ALIGNED_ROWS == 0 else block)
    spread = records if places.is_whole else records.take(pa.array(places.source))
    parts = [
        Part(spread.slice(span.start, span.stop - span.start), first)
        for span, first in zip(places.spans, places.firsts, strict=True)
    ]
    try:
        made = operation.results(model, parts)
    except RecordsError:  # say which row it was of those that are there
        conformed(records, model.codec.schema, partial=operation.partial, context=f"rows from {rows[0]} on")
        raise
    joined = pa.concat_tables(made).unify_dictionaries().combine_chunks()
    return joined if places.is_whole else joined.take(pa.array(places.kept)).combine_chunks()


def _known(model: Model, table: pa.Table) -> pa.Table:
    """Return the columns that the model knows: others, such as latent vectors, are passed on beside."""
    schema = model.manifest.record_schema
    return table.select([name for name in table.column_names if schema.column(name) is not None])


def _only(model: Model, operation: Operation, records: pa.Table) -> pa.Table:
    return operation.results(model, [Part(records)])[0]


def _require_free(operation: Operation, names: Sequence[str], model: Model) -> None:
    for name in operation.schema(model).names:
        if name in names:
            rule = f"must not be there, for {operation.name} makes it"
            raise RecordsError.of(f"columns.{name}", rule, "such a column", "Rename it before")


def _require_identifiers(model: Model, names: Sequence[str], row_column: str | None) -> None:
    absent = [
        column.name
        for column in model.manifest.record_schema.columns
        if isinstance(column, IdentifierColumn) and column.name not in names
    ]
    if absent:
        raise RecordsError.of(
            f"columns.{row_column or ROW_COLUMN}",
            f"must hold the number of each row, of which identifiers are made: {', '.join(absent)}",
            "no such column",
            "Number the rows with `numbered`, or give the identifiers",
        )
