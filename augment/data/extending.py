"""An encoding that takes in new records: what it knows keeps its codes, new categories get new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from augment.data.category import MAX_LEVELS, LevelCounts, level_type
from augment.data.cleaning import one_chunk
from augment.data.codec import Codec
from augment.data.schema import IdentifierColumn, Schema, TextColumn
from augment.data.storage import result_type
from augment.data.tables import CategoryTable, ColumnTable, EncodingTables
from augment.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["extended_codec", "recounted", "require_same_columns", "widened_codec"]


def extended_codec(codec: Codec, table: pa.Table, schema: Schema) -> Codec:
    """Return the codec of earlier records that knows the categories of new ones as well.

    Bins, splines, scales and the tokens of known categories stay as they are; counts add up. Numbers beyond
    the earlier range go to the outermost bin.

    Args:
        codec: Of the earlier records.
        table: New records, which conform to `schema`.
        schema: Theirs; its columns that are learnt must be those of before.

    Raises:
        SchemaError: It has other columns.
    """
    require_same_columns(codec.schema, schema)
    types = {column.name: result_type(column) for column in schema.columns}
    levels = {
        one.column: LevelCounts.of(one_chunk(table.column(one.column).cast(level_type(types[one.column]))))
        for one in codec.tables.columns
        if isinstance(one, CategoryTable)
    }
    wider = widened_codec(codec, levels, schema)
    encoded, _ = wider.encode(table)
    return recounted(wider, [np.bincount(column) for column in encoded.tokens.T], anew=False)


def widened_codec(codec: Codec, levels: Mapping[str, LevelCounts], schema: Schema) -> Codec:
    """Return the codec with new categories after the known ones, none of them counted yet.

    Args:
        codec: Of the earlier records.
        levels: The categories of new ones, by column.
        schema: Theirs, of the same columns.
    """
    tables = [
        _with_new_levels(one, levels[one.column]) if isinstance(one, CategoryTable) else one
        for one in codec.tables.columns
    ]
    return Codec(schema, EncodingTables(columns=tuple(tables)))


def recounted(codec: Codec, counts: Sequence[NDArray[np.int64]], *, anew: bool) -> Codec:
    """Return the codec with the counts of its tokens in records that it encoded.

    Args:
        codec: The codec.
        counts: How often each token of each column was there, in the layout's order.
        anew: Whether they take the place of the counts there are, or are added to them.
    """
    places = {name: place for place, name in enumerate(codec.layout.names)}
    tables = [_counted(one, counts[places[one.column]], anew=anew) for one in codec.tables.columns]
    return Codec(codec.schema, EncodingTables(columns=tuple(tables)))


def require_same_columns(earlier: Schema, schema: Schema) -> None:
    """Refuse a schema whose columns that are learnt are not those of before.

    Raises:
        SchemaError: They are others.
    """
    before, now = _learnt(earlier), _learnt(schema)
    if before != now:
        wanted = next((pair for pair in before if pair not in now), None)
        other = next((pair for pair in now if pair not in before), "another order")
        rule = f"must be those that the model knows, in their order, {wanted or before} among them"
        raise SchemaError.of("columns", rule, other, "Train a new model, without --from")


def _learnt(schema: Schema) -> list[tuple[str, str]]:
    return [
        (column.name, column.kind)
        for column in schema.columns
        if not isinstance(column, IdentifierColumn | TextColumn)
    ]


def _with_new_levels(table: CategoryTable, found: LevelCounts) -> CategoryTable:
    """Add levels after those that are known, most frequent first; past 5,000 they share the last token."""
    known = set(table.levels)
    new = [pair for pair in found.ranked() if pair[0] not in known]
    if not new:
        return table
    room = 0 if table.rare_counts else max(0, MAX_LEVELS - len(table.levels))
    own, rare = new[:room], new[room:]
    names = tuple(level for level, _ in new)
    counts = (*table.counts, *(0 for _ in own))
    if rare and not table.rare_counts:
        counts = (*counts, 0)
    return CategoryTable(
        column=table.column,
        counts=counts,
        levels=(*table.levels, *names),
        rare_counts=(*table.rare_counts, *(count for _, count in rare)),
        dictionary=(*table.dictionary, *(n for n in names if n not in table.dictionary))
        if table.dictionary
        else (),
    )


def _counted(table: ColumnTable, found: NDArray[np.int64], *, anew: bool) -> ColumnTable:
    counts = np.zeros(len(table.counts), np.int64) if anew else np.array(table.counts, np.int64)
    counts[: len(found)] += found
    return table.model_copy(update={"counts": tuple(counts.tolist())})
