"""Tables made to fit a schema, and those that cannot be."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from augment.data import Schema, conform, detect_schema, parse_schema
from augment.errors import ColumnNotFoundError, SchemaError

SCHEMA = parse_schema(
    """
columns:
- {name: i, kind: integer, storage: int16}
- {name: f, kind: number, storage: float32, nullable: true}
- {name: c, kind: category, storage: string}
- {name: d, kind: category, storage: dictionary<string>}
- {name: b, kind: boolean, storage: bool}
- {name: t, kind: datetime, storage: 'timestamp[us, tz=UTC]', format: '%Y-%m-%dT%H:%M:%SZ'}
- {name: day, kind: datetime, storage: date32}
- {name: m, kind: number, storage: 'decimal128(9, 2)'}
- {name: a, kind: array, storage: float32, shape: [2, 2]}
- {name: id, kind: identifier, storage: string, pattern: 'A0'}
- {name: note, kind: text, storage: string}
"""
)
MOMENT = dt.datetime(2020, 1, 31, 10, 5, 6, tzinfo=dt.UTC)
ROW: dict[str, Any] = {
    "i": 7,
    "f": 1.5,
    "c": "x",
    "d": "y",
    "b": True,
    "t": MOMENT,
    "day": dt.date(2020, 1, 31),
    "m": Decimal("1.25"),
    "a": [[1.0, 2.0], [3.0, 4.0]],
}


def one(name: str, values: Any, *, partial: bool = True) -> pa.ChunkedArray:
    """Conform a table of one column, the others absent."""
    return conform(pa.table({name: values}), SCHEMA, partial=partial)[name]


def test_plain_records_conform() -> None:
    """Rows of Python values get the schema's columns, order and types; text and identifiers may be absent."""
    table = conform(pa.Table.from_pylist([dict(reversed(ROW.items()))] * 2), SCHEMA)
    assert table.column_names == [column.name for column in SCHEMA.columns]
    assert table.drop_columns(["a", "id", "note"]).to_pylist()[0] == {
        k: v for k, v in ROW.items() if k != "a"
    }
    assert table["a"].combine_chunks().to_numpy_ndarray().tolist()[0] == ROW["a"]
    assert table["id"].null_count == 2
    assert [str(field.type) for field in table.schema][:4] == [
        "int16",
        "float",
        "string",
        "dictionary<values=string, indices=int32, ordered=0>",
    ]
    assert conform(table, SCHEMA).equals(table)


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("i", pa.array([7.0, 8.0]), [7, 8]),
        ("i", pa.array([7.0, float("nan")]), [7, None]),
        ("i", pa.array([7, 8], pa.uint64()), [7, 8]),
        ("f", pa.array([1, 2]), [1.0, 2.0]),
        ("f", pa.array([Decimal("0.5")] * 2), [0.5, 0.5]),
        ("c", pa.array(["x", "y"]).dictionary_encode(), ["x", "y"]),
        ("c", pa.array(["x", "y"], pa.large_string()), ["x", "y"]),
        ("c", pa.array(["x", "y"], pa.string_view()), ["x", "y"]),
        ("d", pa.array(["x", "y"], pa.large_string()), ["x", "y"]),
        ("d", pa.nulls(2), [None, None]),
        ("b", pa.nulls(2, pa.string()), [None, None]),
        ("t", pa.array([MOMENT] * 2, pa.timestamp("s", tz="Europe/Berlin")), [MOMENT] * 2),
        ("t", ["2020-01-31T10:05:06Z"] * 2, [MOMENT] * 2),
        ("t", ["2020-01-31T12:05:06+02:00", None], [MOMENT, None]),
        ("day", pa.array([dt.date(2020, 1, 31)] * 2, pa.date64()), [dt.date(2020, 1, 31)] * 2),
        ("day", ["2020-01-31", "2020-02-01"], [dt.date(2020, 1, 31), dt.date(2020, 2, 1)]),
        ("m", pa.array([1, 2]), [Decimal("1.00"), Decimal("2.00")]),
    ],
)
def test_casts_that_lose_nothing(name: str, given: Any, wanted: list[Any]) -> None:
    """Values that mean the same in the schema's type are cast."""
    assert one(name, given).to_pylist() == wanted


@pytest.mark.parametrize(
    ("name", "given", "field", "value"),
    [
        ("i", [1.5, 2.5], "columns.i.rows[0]", "1.5"),
        ("i", [1, 40_000], "columns.i.rows[1]", "40000"),
        ("i", ["7", "8"], "columns.i", "string"),
        ("i", [True, False], "columns.i", "bool"),
        ("i", [None, Decimal("2.5")], "columns.i.rows[1]", "Decimal('2.5')"),
        ("f", [1.0, float("inf")], "columns.f.rows[1]", "inf"),
        ("f", [[1.0]], "columns.f", "list<item: double>"),
        ("c", [1, 2], "columns.c", "int64"),
        ("d", [1, 2], "columns.d", "int64"),
        ("b", [0, 1], "columns.b", "int64"),
        ("t", pa.array([0, 1], pa.timestamp("s")), "columns.t", "timestamp[s]"),
        ("t", ["2020-01-31T10:05:06Z", "soon"], "columns.t.rows[1]", "'soon'"),
        ("day", pa.array([1, 86_400], pa.timestamp("s")), "columns.day.rows[0]", "1970"),
        ("day", pa.array([MOMENT]), "columns.day", "timestamp[us, tz=UTC]"),
        ("m", [Decimal("1.255"), Decimal(1)], "columns.m.rows[0]", "Decimal('1.255')"),
        ("a", [1.0, 2.0], "columns.a", "double"),
        ("a", [[[1.0, 2.0, 3.0]]], "columns.a", "(1, 3)"),
        ("a", [[[1.0], [2.0], [3.0], [4.0]]], "columns.a", "(4, 1)"),
        ("a", [None, [[1.0, None], [3.0, 4.0]]], "columns.a.rows[1]", "None"),
        ("a", [[[1.0, 2.0], [3.0, float("nan")]]], "columns.a.rows[0]", "nan"),
        ("a", [[["1", "2"], ["3", "x"]]], "columns.a", "string"),
        ("id", [1, 2], "columns.id", "int64"),
    ],
)
def test_what_does_not_fit_is_named(name: str, given: Any, field: str, value: str) -> None:
    """The error names the column, the row where there is one, the wanted type and the value."""
    with pytest.raises(SchemaError) as caught:
        one(name, given)
    violation = caught.value.violations[0]
    assert violation.field == field
    assert value in violation.value


def test_absent_and_unknown_columns() -> None:
    """An absent column is an error unless partial; an unknown one always is, each by its name."""
    table = pa.Table.from_pylist([ROW])
    with pytest.raises(ColumnNotFoundError, match="no column 'f'"):
        conform(table.drop_columns(["f"]), SCHEMA)
    assert conform(table.drop_columns(["f"]), SCHEMA, partial=True)["f"].null_count == 1
    with pytest.raises(SchemaError) as caught:
        conform(table.append_column("y", [[1]]).append_column("z", [[1]]), SCHEMA)
    assert [violation.field for violation in caught.value.violations] == ["columns.y", "columns.z"]


def test_missing_cells_need_a_nullable_column() -> None:
    """Where the schema says no cell is missing, one is an error, unless records are partial."""
    table = pa.Table.from_pylist([ROW, ROW | {"b": None}])
    with pytest.raises(SchemaError, match=r"columns\.b\.rows\[1\] must be there: the column is not nullable"):
        conform(table, SCHEMA)
    assert conform(table, SCHEMA, partial=True)["b"].to_pylist() == [True, None]
    assert conform(pa.Table.from_pylist([ROW | {"f": None}] * 2), SCHEMA)["f"].null_count == 2


def test_flat_arrays_take_the_schema_s_shape() -> None:
    """A flat list of as many elements is that array, missing ones stay missing."""
    arrays = one("a", [[1.0, 2.0, 3.0, 4.0], None])
    assert arrays.type == pa.fixed_shape_tensor(pa.float32(), (2, 2))
    assert arrays[0].as_py() == [1.0, 2.0, 3.0, 4.0]
    assert arrays[1].as_py() is None
    integers = one("a", pa.FixedShapeTensorArray.from_numpy_ndarray(np.ones((3, 2, 2), np.uint8)))
    assert integers.type == arrays.type


def test_no_rows_conform() -> None:
    """A table without rows keeps its columns and types."""
    table = pa.Table.from_pylist([ROW])[:0]
    assert conform(table, SCHEMA).schema == conform(pa.Table.from_pylist([ROW]), SCHEMA).schema


def test_chunks_and_dictionaries_are_joined() -> None:
    """Chunks with dictionaries of their own conform to one column."""
    parts = pa.chunked_array([pa.array(["x", "y"]).dictionary_encode(), pa.array(["z"]).dictionary_encode()])
    assert one("d", parts).to_pylist() == ["x", "y", "z"]
    schema: Schema = detect_schema(pa.table({"d": parts}))
    assert conform(pa.table({"d": parts}), schema)["d"].num_chunks == 1


def test_columns_without_training_cells_stay_without() -> None:
    """A column that was missing throughout in training takes no cells."""
    schema = detect_schema(pa.table({"x": pa.nulls(3), "y": [1, 2, 1]}))
    assert conform(pa.table({"x": pa.nulls(2, pa.string()), "y": [1, 2]}), schema)["x"].type == pa.null()
    with pytest.raises(SchemaError, match=r"columns\.x must be missing throughout"):
        conform(pa.table({"x": ["new"], "y": [1]}), schema)


@pytest.mark.parametrize("element", [np.nan, np.inf, -np.inf])
def test_arrays_of_the_right_type_are_looked_at_too(element: float) -> None:
    """An element that is NaN or infinite is refused with its row, even where the type fits already."""
    cells = np.zeros((4, 2, 2), np.float32)
    table = pa.table({"image": pa.FixedShapeTensorArray.from_numpy_ndarray(cells)})
    schema = detect_schema(table)
    cells[2, 1, 0] = element
    spoilt = pa.table({"image": pa.FixedShapeTensorArray.from_numpy_ndarray(cells)})
    with pytest.raises(SchemaError, match=r"columns\.image\.rows\[2\] must have finite elements"):
        conform(spoilt, schema)
