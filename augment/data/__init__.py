"""Data sets: schemas, files, and the encoding of records as tokens. numpy and pyarrow, no torch."""

from augment.data.codec import Codec
from augment.data.conform import conform
from augment.data.detection import detect_schema, schema_warnings
from augment.data.layout import Encoded, Layout, Unseen
from augment.data.reading import DEFAULT_MISSING, read_table
from augment.data.schema import (
    ArrayColumn,
    BooleanColumn,
    CategoryColumn,
    Column,
    DatetimeColumn,
    IdentifierColumn,
    IntegerColumn,
    NumberColumn,
    Schema,
    TextColumn,
)
from augment.data.schema_yaml import dump_schema, load_schema, parse_schema, save_schema
from augment.data.tables import EncodingTables
from augment.data.writing import write_table

__all__ = [
    "DEFAULT_MISSING",
    "ArrayColumn",
    "BooleanColumn",
    "CategoryColumn",
    "Codec",
    "Column",
    "DatetimeColumn",
    "Encoded",
    "EncodingTables",
    "IdentifierColumn",
    "IntegerColumn",
    "Layout",
    "NumberColumn",
    "Schema",
    "TextColumn",
    "Unseen",
    "conform",
    "detect_schema",
    "dump_schema",
    "load_schema",
    "parse_schema",
    "read_table",
    "save_schema",
    "schema_warnings",
    "write_table",
]
