"""The encoding of a table that need not fit memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.data.category import LevelCounts
from augment.data.cleaning import one_chunk
from augment.data.codec import Codec, fit_column, modelled
from augment.data.conform import conform
from augment.data.extending import require_same_columns, widened_codec
from augment.data.schema import CategoryColumn
from augment.data.tables import EncodingTables
from augment.errors import SchemaError

if TYPE_CHECKING:
    from augment.data.large_table import LargeTable
    from augment.data.schema import Schema

__all__ = ["fit_large", "widen_large"]

_MOST_LEVELS = 200_000
"""What a manifest of 64 MiB has room for, several times."""


def fit_large(large: LargeTable, schema: Schema) -> Codec:
    """Learn the encoding: categories and how often they are there from all rows, the rest from the sample.

    The tokens' counts of all other columns are the sample's; `recounted` mends them once all is encoded.

    Raises:
        SchemaError: A row does not fit the schema, or a category column has more than 200,000 levels.
        DataFileError: A part cannot be read.
    """
    levels = _level_counts(large, schema)
    sample = conform(large.sample, schema)
    tables = [
        levels[column.name].table(column.name)
        if column.name in levels
        else fit_column(column, one_chunk(sample.column(column.name)))
        for column in modelled(schema)
    ]
    return Codec(schema, EncodingTables(columns=tuple(tables)))


def widen_large(codec: Codec, large: LargeTable, schema: Schema) -> Codec:
    """Return the codec of earlier records with the categories of all new rows, not yet counted.

    Raises:
        SchemaError: A row does not fit the schema, or the columns are others.
        DataFileError: A part cannot be read.
    """
    require_same_columns(codec.schema, schema)
    return widened_codec(codec, _level_counts(large, schema), schema)


def _level_counts(large: LargeTable, schema: Schema) -> dict[str, LevelCounts]:
    columns = tuple(column for column in schema.columns if isinstance(column, CategoryColumn))
    found: dict[str, LevelCounts] = {}
    if not columns:
        return found
    for table in large.tables(schema, columns):
        for column in columns:
            counts = LevelCounts.of(one_chunk(table.column(column.name)))
            found[column.name] = found[column.name].plus(counts) if column.name in found else counts
            _require_few(column, found[column.name])
    return found


def _require_few(column: CategoryColumn, found: LevelCounts) -> None:
    if len(found.counts) > _MOST_LEVELS:
        remedy = "Declare it `kind: text`, which leaves it out, or merge rare values"
        rule = f"must have at most {_MOST_LEVELS:,} distinct values to be a category"
        raise SchemaError.of(f"columns.{column.name}", rule, f"more ({len(found.counts):,})", remedy)
