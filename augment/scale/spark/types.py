"""What Spark makes of Arrow's types.

Spark has fewer of them. What stands on the right is what a column of a model's results becomes:

| in the model's results | in Spark |
|---|---|
| dictionary of some type | that type: categories are plain strings or numbers |
| uint8, uint16, uint32 | short, int, long: the next larger one with a sign |
| uint64 | decimal(20, 0) |
| float16 | float |
| large_string; null | string |
| date64 | date |
| timestamp without a zone | timestamp_ntz, in microseconds |
| timestamp with a zone | timestamp, in microseconds |
| fixed-size list | array of the elements' type |
| fixed-shape tensor | array, flat, the last index fastest; the column's metadata says `shape` |

Nanoseconds are cut off. All else is the same in both.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.types as pt
from pyspark.sql import types as st

__all__ = ["arrow_schema", "spark_batches", "spark_schema"]

_WIDER = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
    pa.large_string(): pa.string(),
    pa.null(): pa.string(),
    pa.date64(): pa.date32(),
}
_SPARK = {
    pa.bool_(): st.BooleanType(),
    pa.int8(): st.ByteType(),
    pa.int16(): st.ShortType(),
    pa.int32(): st.IntegerType(),
    pa.int64(): st.LongType(),
    pa.float32(): st.FloatType(),
    pa.float64(): st.DoubleType(),
    pa.string(): st.StringType(),
    pa.date32(): st.DateType(),
}


def spark_schema(schema: pa.Schema) -> st.StructType:
    """Return the columns that a model's results have in Spark."""
    return st.StructType([_field(field) for field in schema])


def arrow_schema(schema: st.StructType) -> pa.Schema:
    """Return the Arrow types of a frame's columns; of those that no model has, `null`."""
    return pa.schema([(field.name, _from_spark(field.dataType)) for field in schema])


def spark_batches(table: pa.Table) -> list[pa.RecordBatch]:
    """Return a table in types that Spark has; nothing but nanoseconds is lost."""
    columns = [_cast(column) for column in table.columns]
    batches: list[pa.RecordBatch] = pa.Table.from_arrays(columns, table.column_names).to_batches()
    return batches


def _arrow_type(kind: pa.DataType) -> pa.DataType:
    """Return the Arrow type that Spark reads a column of this type in."""
    if isinstance(kind, pa.BaseExtensionType):
        return _arrow_type(kind.storage_type)
    if pt.is_dictionary(kind):
        return _arrow_type(kind.value_type)
    if pt.is_fixed_size_list(kind):
        return pa.list_(_arrow_type(kind.value_type))
    if pt.is_timestamp(kind):
        return pa.timestamp("us", tz=kind.tz)
    return _WIDER.get(kind, kind)


def _cast(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        storages = [chunk.storage for chunk in column.chunks]
        return _cast(pa.chunked_array(storages, kind.storage_type))
    return column.cast(_arrow_type(kind), safe=not pt.is_timestamp(kind))


def _spark_type(kind: pa.DataType) -> st.DataType:
    if pt.is_list(kind):
        return st.ArrayType(_spark_type(kind.value_type))
    if pt.is_decimal(kind):
        return st.DecimalType(kind.precision, kind.scale)
    if pt.is_timestamp(kind):
        return st.TimestampNTZType() if kind.tz is None else st.TimestampType()
    return _SPARK[kind]


def _from_spark(kind: st.DataType) -> pa.DataType:
    if isinstance(kind, st.DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    if isinstance(kind, st.ArrayType):
        return pa.list_(_from_spark(kind.elementType))
    if isinstance(kind, st.TimestampType | st.TimestampNTZType):
        return pa.timestamp("us", tz="UTC" if isinstance(kind, st.TimestampType) else None)
    return next((arrow for arrow, spark in _SPARK.items() if spark == kind), pa.null())


def _field(field: pa.Field) -> st.StructField:
    metadata: dict[str, Any] = {}
    if isinstance(field.type, pa.FixedShapeTensorType):
        metadata["shape"] = [*field.type.shape]
    return st.StructField(field.name, _spark_type(_arrow_type(field.type)), metadata=metadata)
