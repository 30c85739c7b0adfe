"""Data sets: schemas, files, and the encoding of records as tokens. numpy and pyarrow, no torch."""

from augment.data.balance import Balance, parse_balance
from augment.data.codec import Codec
from augment.data.condition_text import parse_condition, parse_conditions
from augment.data.conditions import Between, Condition, Missing, OneOf, Present
from augment.data.conform import conform
from augment.data.detection import detect_schema, schema_warnings
from augment.data.large_table import LargeTable
from augment.data.layout import ArrayGrid, Encoded, Layout, Unseen
from augment.data.parquet_parts import ParquetParts
from augment.data.reading import DEFAULT_MISSING, read_table
from augment.data.restrictions import Restriction, compile_restrictions
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
from augment.data.shares import Shares, class_of_row, compile_balance
from augment.data.tables import EncodingTables
from augment.data.wanted import satisfied
from augment.data.writing import write_table

__all__ = [
    "DEFAULT_MISSING",
    "ArrayColumn",
    "ArrayGrid",
    "Balance",
    "Between",
    "BooleanColumn",
    "CategoryColumn",
    "Codec",
    "Column",
    "Condition",
    "DatetimeColumn",
    "Encoded",
    "EncodingTables",
    "IdentifierColumn",
    "IntegerColumn",
    "LargeTable",
    "Layout",
    "Missing",
    "NumberColumn",
    "OneOf",
    "ParquetParts",
    "Present",
    "Restriction",
    "Schema",
    "Shares",
    "TextColumn",
    "Unseen",
    "class_of_row",
    "compile_balance",
    "compile_restrictions",
    "conform",
    "detect_schema",
    "dump_schema",
    "load_schema",
    "parse_balance",
    "parse_condition",
    "parse_conditions",
    "parse_schema",
    "read_table",
    "satisfied",
    "save_schema",
    "schema_warnings",
    "write_table",
]
