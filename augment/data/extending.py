"""An encoding that takes in new records: what it knows keeps its codes, new categories get new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from augment.data.category import MAX_LEVELS, level_type
from augment.data.codec import Codec
from augment.data.schema import IdentifierColumn, Schema, TextColumn
from augment.data.storage import result_type
from augment.data.tables import CategoryTable, ColumnTable, EncodingTables
from augment.errors import SchemaError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["extended_codec"]


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
    before, now = _learnt(codec.schema), _learnt(schema)
    if before != now:
        wanted = next((pair for pair in before if pair not in now), None)
        other = next((pair for pair in now if pair not in before), "another order")
        rule = f"must be those that the model knows, in their order, {wanted or before} among them"
        raise SchemaError.of("columns", rule, other, "Train a new model, without --from")
    types = {column.name: result_type(column) for column in schema.columns}
    tables = [
        _with_new_levels(one, table.column(one.column), types[one.column])
        if isinstance(one, CategoryTable)
        else one
        for one in codec.tables.columns
    ]
    wider = Codec(schema, EncodingTables(columns=tuple(tables)))
    encoded, _ = wider.encode(table)
    places = {name: place for place, name in enumerate(wider.layout.names)}
    counted = [_counted(one, encoded.tokens[:, places[one.column]]) for one in tables]
    return Codec(schema, EncodingTables(columns=tuple(counted)))


def _learnt(schema: Schema) -> list[tuple[str, str]]:
    return [
        (column.name, column.kind)
        for column in schema.columns
        if not isinstance(column, IdentifierColumn | TextColumn)
    ]


def _with_new_levels(table: CategoryTable, column: pa.ChunkedArray, storage: pa.DataType) -> CategoryTable:
    """Add levels after those that are known, most frequent first; past 5,000 they share the last token."""
    found = pc.value_counts(column.cast(level_type(storage)).drop_null())
    known = set(table.levels)
    pairs = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    new = sorted((pair for pair in pairs if pair[0] not in known), key=lambda pair: (-pair[1], pair[0]))
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


def _counted(table: ColumnTable, tokens: NDArray[np.int32]) -> ColumnTable:
    more = np.bincount(tokens, minlength=len(table.counts))
    counts = tuple(int(one) for one in np.array(table.counts, np.int64) + more)
    return table.model_copy(update={"counts": counts})
