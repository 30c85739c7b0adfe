"""Records to tokens, residuals and flat arrays, and back."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.data.arrays import ArrayCodec, fit_array
from augment.data.category import BooleanCodec, CategoryCodec, fit_boolean, fit_category
from augment.data.cleaning import one_chunk
from augment.data.column_codec import Scale
from augment.data.identifiers import make_identifiers
from augment.data.layout import Encoded, Layout, Unseen
from augment.data.numeric import RealCodec, WholeCodec
from augment.data.numeric_fit import fit_real, fit_whole
from augment.data.schema import (
    ArrayColumn,
    Column,
    DatetimeColumn,
    IdentifierColumn,
    NumberColumn,
    Schema,
    TextColumn,
)
from augment.data.storage import result_type
from augment.data.tables import (
    ArrayTable,
    BooleanTable,
    CategoryTable,
    ColumnTable,
    EncodingTables,
    RealTable,
    WholeTable,
)
from augment.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data.column_codec import ColumnCodec

__all__ = ["Codec", "fit_column", "modelled"]


class Codec:
    """The encoding of one data set's records.

    Attributes:
        schema: The data set's schema.
        tables: What was learnt of its columns; with the schema it makes up the codec.
        layout: The shape of encoded records.
        wire_schema: The Arrow schema of what `decode` gives: categories as dictionaries of int32,
            arrays as flat fixed-size lists, no text columns.
        result_schema: The Arrow schema with the data file's own types; `table.cast` to it.
    """

    def __init__(self, schema: Schema, tables: EncodingTables) -> None:
        self.schema = schema
        self.tables = tables
        self._columns: dict[str, ColumnCodec] = {}
        self._arrays: dict[str, ArrayCodec] = {}
        learnt = {table.column: table for table in tables.columns}
        for column in modelled(schema):
            table = learnt.get(column.name)
            if table is None:
                raise SchemaError.of(f"columns.{column.name}", "must have an encoding table", None)
            if isinstance(table, ArrayTable) and isinstance(column, ArrayColumn):
                element = result_type(column)
                element = (
                    element.storage_type.value_type
                    if isinstance(element, pa.BaseExtensionType)
                    else element.value_type
                )
                self._arrays[column.name] = ArrayCodec(table, column, element)
            else:
                self._columns[column.name] = _codec(table, result_type(column))

    @classmethod
    def fit(cls, table: pa.Table, schema: Schema) -> Codec:
        """Learn the encoding of a table that conforms to its schema."""
        fitted = [fit_column(column, _cells(table, column.name)) for column in modelled(schema)]
        return cls(schema, EncodingTables(columns=tuple(fitted)))

    def column(self, index: int) -> ColumnCodec | ArrayCodec:
        """Return the codec of a token column."""
        codecs: list[ColumnCodec | ArrayCodec] = [*self._columns.values(), *self._arrays.values()]
        return codecs[index]

    @cached_property
    def layout(self) -> Layout:
        """The shape of encoded records. Presence columns have the names of their array columns."""
        names = (*self._columns, *self._arrays)
        tables = [codec.table for codec in self._columns.values()]
        tables += [codec.table for codec in self._arrays.values()]
        scales = [codec.scale for codec in self._columns.values()] + [Scale.none(2)] * len(self._arrays)
        by_name = {column.name: column for column in self.schema.columns}
        return Layout(
            names=names,
            vocab_sizes=tuple(len(table.counts) for table in tables),
            ordered=tuple(scale.ordered for scale in scales),
            nullable=tuple(by_name[name].nullable for name in names),
            ranks=tuple(scale.ranks for scale in scales),
            values=tuple(scale.values for scale in scales),
            frequencies=tuple(_frequencies(table.counts) for table in tables),
            wide=tuple(scale.wide for scale in scales),
            array_names=tuple(self._arrays),
            array_shapes=tuple(_shape(by_name[name]) for name in self._arrays),
            knots=tuple(scale.knots for scale in scales),
            stretches=tuple(scale.stretches for scale in scales),
            array_grids=tuple(codec.grid for codec in self._arrays.values()),
        )

    @cached_property
    def token_values(self) -> NDArray[np.float32]:
        """The mean of each token's values, standardised; all columns side by side, (tokens,).

        Zeros for columns without an order.
        """
        codecs = [self._columns.get(name) for name in self.layout.names]
        parts = [
            codec.token_values() if isinstance(codec, RealCodec | WholeCodec) else np.zeros(size)
            for codec, size in zip(codecs, self.layout.vocab_sizes, strict=True)
        ]
        return np.concatenate(parts).astype(np.float32)

    def nearest(
        self, index: int, standardised: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return tokens and residuals of the values nearest to standardised ones, of an ordered column."""
        codec = self.column(index)
        assert isinstance(codec, RealCodec | WholeCodec)  # noqa: S101 - ordered columns are
        found = codec.nearest(standardised)
        return found.tokens, found.residuals

    @cached_property
    def wire_schema(self) -> pa.Schema:
        """What `decode` gives, without metadata."""
        return pa.schema([(column.name, self._wire_type(column)) for column in _generated(self.schema)])

    @cached_property
    def result_schema(self) -> pa.Schema:
        """The data file's columns and types, in its order, without text columns.

        As in tables that `read_table` gives, `augment.format` in a field's metadata says how text files
        write its points in time.
        """
        metadata = {"pandas": self.schema.pandas_metadata} if self.schema.pandas_metadata else None
        return pa.schema([_result_field(column) for column in _generated(self.schema)], metadata=metadata)

    def encode(self, table: pa.Table) -> tuple[Encoded, tuple[Unseen, ...]]:
        """Encode records that conform to the schema.

        Unseen categories count as missing and are reported; numbers beyond the training range go to
        the outermost bin.
        """
        rows = table.num_rows
        width = len(self._columns) + len(self._arrays)
        tokens = np.zeros((rows, width), np.int32)
        residuals = np.full((rows, width), 0.5, np.float32)
        unseen: list[Unseen] = []
        for index, (name, codec) in enumerate(self._columns.items()):
            encoded = codec.encode(_cells(table, name))
            tokens[:, index], residuals[:, index] = encoded.tokens, encoded.residuals
            unseen += encoded.unseen
        flat = [np.zeros((rows, 0), np.float32)]
        for index, (name, array_codec) in enumerate(self._arrays.items(), len(self._columns)):
            elements, tokens[:, index] = array_codec.encode(_cells(table, name))
            flat.append(elements)
        return Encoded(tokens, residuals, np.concatenate(flat, axis=1)), tuple(unseen)

    def novelty(self, table: pa.Table) -> NDArray[np.float64]:
        """Return how far records that conform lie outside what training rows had, in nats, shape (rows,).

        The sum over their cells; `augment.data.novelty` says how. 0 for training rows.
        """
        nats = np.zeros(table.num_rows)
        for name, codec in (self._columns | self._arrays).items():
            nats += codec.novelty(_cells(table, name))
        return nats

    def decode(
        self, encoded: Encoded, *, first_row: int | NDArray[np.uint64] = 0, seed: int = 0
    ) -> pa.RecordBatch:
        """Decode records to the wire schema.

        Args:
            encoded: Tokens in range of the layout's vocabularies.
            first_row: The address of the first record in its seed's endless table, or of each:
                identifiers are made from it.
            seed: The seed of that table.
        """
        columns = self._decode_columns(encoded) | self._decode_arrays(encoded)
        rows = first_row
        if not isinstance(rows, np.ndarray):
            rows = np.arange(len(encoded.tokens), dtype=np.uint64) + np.uint64(rows)
        for column in self.schema.columns:
            if isinstance(column, IdentifierColumn):
                columns[column.name] = make_identifiers(column, self._wire_type(column), rows, seed)
        return pa.RecordBatch.from_arrays(
            [columns[name] for name in self.wire_schema.names], schema=self.wire_schema
        )

    def _decode_columns(self, encoded: Encoded) -> dict[str, pa.Array]:
        return {
            name: codec.decode(
                np.ascontiguousarray(encoded.tokens[:, index]),
                np.ascontiguousarray(encoded.residuals[:, index]),
            )
            for index, (name, codec) in enumerate(self._columns.items())
        }

    def _decode_arrays(self, encoded: Encoded) -> dict[str, pa.Array]:
        decoded, begin = {}, 0
        for index, (name, codec) in enumerate(self._arrays.items(), len(self._columns)):
            elements = encoded.arrays[:, begin : begin + codec.width]
            decoded[name] = codec.decode(elements, encoded.tokens[:, index])
            begin += codec.width
        return decoded

    def _wire_type(self, column: Column) -> pa.DataType:
        if column.name in self._columns:
            return self._columns[column.name].wire_type
        if column.name in self._arrays:
            return self._arrays[column.name].wire_type
        return result_type(column)


def modelled(schema: Schema) -> list[Column]:
    """Return the columns that are learnt."""
    return [column for column in schema.columns if not isinstance(column, IdentifierColumn | TextColumn)]


def _generated(schema: Schema) -> list[Column]:
    return [column for column in schema.columns if not isinstance(column, TextColumn)]


def _result_field(column: Column) -> pa.Field:
    form = column.format if isinstance(column, DatetimeColumn) else ""
    return pa.field(column.name, result_type(column), metadata={"augment.format": form} if form else None)


def _shape(column: Column) -> tuple[int, ...]:
    return column.shape if isinstance(column, ArrayColumn) else ()


def _frequencies(counts: tuple[int, ...]) -> np.ndarray:
    return (np.array(counts, np.float64) / max(sum(counts), 1)).astype(np.float32)


def _cells(table: pa.Table, name: str) -> pa.Array:
    return one_chunk(table.column(name))


def fit_column(column: Column, cells: pa.Array) -> ColumnTable:
    """Learn the table of a column that is learnt."""
    if isinstance(column, ArrayColumn):
        return fit_array(column, cells)
    if column.kind == "category":
        return fit_category(column.name, cells)
    if column.kind == "boolean":
        return fit_boolean(column.name, cells)
    if isinstance(column, NumberColumn) and pt.is_floating(cells.type):
        return fit_real(column.name, cells, decimals=column.decimals)
    return fit_whole(column.name, cells, calendar=column.kind == "datetime")


def _codec(table: ColumnTable, storage: pa.DataType) -> ColumnCodec:
    match table:
        case WholeTable():
            return WholeCodec(table, storage)
        case RealTable():
            return RealCodec(table, storage)
        case CategoryTable():
            return CategoryCodec(table, storage)
        case BooleanTable():
            return BooleanCodec(table)
        case ArrayTable():
            msg = f"column {table.column!r} has the encoding table of an array, but is none"
            raise ValueError(msg)
