"""What detection says of tables."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from augment.data import Codec, Column, Schema, conform, detect_schema, read_table, schema_warnings
from augment.errors import ColumnNotFoundError, DataFileError, SchemaError

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 200
RNG = np.random.default_rng(0)


def detect(values: Any, name: str = "x", *, target: bool = False) -> Column:
    """Return the column detected for these cells."""
    return detect_schema(pa.table({name: values}), target=name if target else None).columns[0]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("x", [0, 1] * 100, "integer"),
        ("x", RNG.integers(0, 5, ROWS), "integer"),
        ("x", RNG.integers(0, 10**6, ROWS), "integer"),
        ("x", RNG.normal(size=ROWS), "number"),
        ("x", [True, False] * 100, "boolean"),
        ("x", ["red", "green"] * 100, "category"),
        ("tail", [f"N{i // 3}U" for i in range(ROWS)], "category"),
        ("x", list(range(ROWS)), "identifier"),
        ("x", list(range(ROWS, 0, -1)), "identifier"),
        ("No", list(range(1, ROWS + 1)), "identifier"),
        ("year", list(range(1800, 1800 + ROWS)), "integer"),
        ("customerId", [i * i for i in range(ROWS)], "identifier"),
        ("weight", [i * i for i in range(ROWS)], "integer"),
        ("id", [1, 2, 3], "identifier"),
        ("x", [1, 2, 3], "integer"),
        ("x", [str(uuid.UUID(int=i * 2**70 + i)) for i in range(ROWS)], "identifier"),
        ("x", [f"user{i}" for i in range(ROWS)], "identifier"),
        ("x", [f"{chr(65 + i % 26)}-{i:04d}" for i in range(ROWS)], "identifier"),
        ("name", [f"{'Braund, Mr. Owen'[: 4 + i % 9]} {i}" for i in range(ROWS)], "text"),
        ("name", [f"person {'x' * (i % 7)} {i}" for i in range(30)], "text"),
        ("ticket", [f"A/{i % 120} {'z' * (i % 5)}" for i in range(ROWS)], "text"),
        (
            "note",
            ["one two three four five six seven eight nine " + str(i % 60) for i in range(ROWS)],
            "text",
        ),
        ("x", ["only", "two"], "category"),
        ("day", [dt.date(2020, 1, 1)] * 3, "datetime"),
        ("x", [Decimal("1.20")] * 3, "number"),
        ("x", [[1.0, 2.0], None], "array"),
        ("x", [None, None], "category"),
        ("x", pa.array(["a", "b"] * 50).dictionary_encode(), "category"),
        ("x", pa.array([f"user{i}" for i in range(ROWS)]).dictionary_encode(), "identifier"),
        ("x", pa.array(["a b" * (i % 9) + str(i) for i in range(ROWS)]).dictionary_encode(), "text"),
    ],
)
def test_kinds(name: str, values: Any, kind: str) -> None:
    """Each kind of column is told by its cells and, for identifiers, its name."""
    column = detect(values, name)
    assert column.kind == kind
    assert column.why


@pytest.mark.parametrize(
    ("values", "kind", "storage"),
    [
        ([0, 1] * 20, "category", "int64"),
        ([0.0, 1.0, None] * 20, "category", "double"),
        (list(range(20)), "category", "int64"),
        (list(range(21)), "integer", "int64"),
        ([0.5, 1.0] * 20, "number", "double"),
        ([f"user{i}" for i in range(40)], "category", "string"),
        ([True, False] * 20, "boolean", "bool"),
    ],
)
def test_targets(values: list[Any], kind: str, storage: str) -> None:
    """A target of few whole numbers is a category of them; no target is an identifier or text."""
    column = detect(values, target=True)
    assert (column.kind, column.role) == (kind, "target")
    assert column.storage == {"double": "float64"}.get(storage, storage)


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([0.1, 0.25, 3.0], 2),
        ([41.0, 880.0], 0),
        ([1e-7, 2.5], 7),
        (RNG.normal(size=50), None),
        ([1e300, 0.1], None),
        (pa.array([0.1, 2.5], pa.float32()), 1),
        (pa.array(RNG.normal(size=50), pa.float32()), None),
    ],
)
def test_decimals(values: Any, decimals: int | None) -> None:
    """Decimal places are the fewest that give every float back; None where that means nothing."""
    column = detect(values)
    assert column.kind == "number"
    assert column.decimals == decimals


@pytest.mark.parametrize(
    ("values", "pattern", "start"),
    [
        ([f"C-{i:05d}" for i in range(1, 50)], "C-00000", 50),
        ([f"user{i}" for i in range(8, 120)], "user0", 120),
        ([f"{i:04d}A" for i in range(50)], "0000\\A", 50),
        ([f"{i * 7919 % 10_000:04d}/{chr(97 + i % 3)}" for i in range(50)], "0000/a", 0),
        ([f"{i * 2654435761 % 2**32:08x}" for i in range(200)], 8 * "x", 0),  # hexadecimal, small and capital
        ([f"{i * 2654435761 % 2**32:08X}" for i in range(200)], 8 * "X", 0),
        ([f"Zürich{i * 7919 % 10_000:04d}\\{i % 3}" for i in range(50)], "Zürich0000\\\\0", 0),
    ],
)
def test_patterns(values: list[str], pattern: str, start: int) -> None:
    """Identifiers keep a class for each position, and count on where the data counts."""
    column = detect(values)
    assert column.kind == "identifier"
    assert (column.pattern, column.start) == (pattern, start)
    assert pattern in column.why


def test_named_identifiers_of_several_lengths() -> None:
    """The name alone makes an identifier: the pattern is that of the commonest length."""
    column = detect(["ab1", "zz9x", "cd2", "ef3"], "user_id")
    assert column.kind == "identifier"
    assert column.pattern == "aa0"


@pytest.mark.parametrize(
    ("values", "start", "storage"),
    [
        (pa.array(range(50), pa.int64()), 50, "int64"),
        (pa.array(range(50), pa.int32()), 50, "int32"),
        (pa.array(range(50), pa.int8()), 50, "int64"),
        (pa.array(range(2**31 - 51, 2**31 - 1), pa.int32()), 2**31 - 1, "int64"),
        (pa.array(range(2**64 - 50, 2**64), pa.uint64()), 1, "uint64"),
    ],
)
def test_integer_identifiers_have_room_to_count(values: pa.Array, start: int, storage: str) -> None:
    """They count on from the largest, in a type that holds many more."""
    column = detect(values)
    assert column.kind == "identifier"
    assert (column.start, column.storage) == (start, storage)


@pytest.mark.parametrize(
    ("values", "value"),
    [
        ([{"a": 1}] * 2, "struct"),
        ([[1], [1, 2]], "lengths 1 and 2"),
        ([[], []], "list"),
        (pa.nulls(2, pa.list_(pa.int8())), "no list"),
        ([["a"], ["b"]], "list<item: string>"),
        ([[True], [False]], "bool"),
        ([dt.timedelta(1)] * 2, "duration"),
        ([b"x"] * 2, "binary"),
        ([dt.time(1)] * 2, "time64"),
        (pa.array([Decimal(10**40)] * 2), "decimal256"),
        (pa.array([Decimal(10**25)] * 2), "decimal128"),
        (pa.array([dt.date(2020, 1, 1)] * 2).dictionary_encode(), "dictionary"),
        ([1.0, float("-inf")], "-inf"),
        (pa.array([1.0, float("inf")]).dictionary_encode(), "inf"),
    ],
)
def test_types_that_no_model_learns(values: Any, value: str) -> None:
    """The error names the column, its type and a remedy."""
    with pytest.raises(SchemaError) as caught:
        detect(values)
    violation = caught.value.violations[0]
    assert violation.field.startswith("columns.x")
    assert value in violation.value
    assert violation.remedy


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ((2,), [[1.0, 2.0], None]),
        ((2, 2), [[[1.0, 2.0], [3.0, 4.0]]] * 2),
        ((3,), pa.array([[1, 2, 3]] * 2, pa.list_(pa.uint8(), 3))),
        ((2, 3), pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((4, 2, 3), np.float32))),
    ],
)
def test_arrays(shape: tuple[int, ...], values: Any) -> None:
    """Tensors, fixed-size lists and lists of one length are arrays."""
    column = detect(values)
    assert column.kind == "array"
    assert column.shape == shape


def test_tables_without_enough() -> None:
    """One row, an absent target, empty and doubled names are errors that say so."""
    with pytest.raises(SchemaError, match="rows must be at least 2 to learn from, got 1"):
        detect([1])
    with pytest.raises(ColumnNotFoundError, match="no column 'z'; there is: a, b"):
        detect_schema(pa.table({"a": [1, 2], "b": [1, 2]}), target="z")
    with pytest.raises(SchemaError, match=r"columns\[1\] must have a name"):
        detect_schema(pa.table({"a": [1, 2], "": [1, 2]}))
    with pytest.raises(SchemaError, match=r"columns\.a must be there once, got 2 times"):
        detect_schema(pa.Table.from_arrays([pa.array([1, 2])] * 2, ["a", "a"]))


def test_nan_is_missing() -> None:
    """A float column with NaN is nullable, and its NaN is no value."""
    column = detect([1.5, float("nan"), 2.5])
    assert column.nullable
    assert "2 distinct numbers from 1.5 to 2.5" in column.why


def test_constant_and_empty_columns_are_said_to_be() -> None:
    """`why` says constant, or that no cell is present; the latter is warned of."""
    assert detect([5, 5, 5]).why.endswith("constant")
    for values in (
        [None] * 3,
        pa.nulls(3, pa.float32()),
        pa.nulls(3, pa.timestamp("s")),
        pa.nulls(3, pa.int8()),
    ):
        schema = detect_schema(pa.table({"x": values, "y": [1, 2, 1]}))
        assert schema.columns[0].nullable
        assert schema_warnings(schema) == ("x: no cell is present, so it comes back missing throughout",)


def test_warnings_tell_what_is_not_learnt() -> None:
    """Text is left out and identifiers are made anew: a sentence for each."""
    table = pa.table(
        {
            "id": range(60),
            "note": [f"{'so ' * (i % 9)}much {i}" for i in range(60)],
            "x": [i % 7 for i in range(60)],
        }
    )
    first, second = schema_warnings(detect_schema(table))
    assert first.startswith("id: not learnt but made anew, since it is an identifier")
    assert second.startswith("note: left out, since it is free text")


def test_notes_of_text_files_are_kept(tmp_path: Path) -> None:
    """Formats of dates reach the schema, and reasons for not being numbers reach `why`."""
    path = tmp_path / "x.csv"
    path.write_text("day,zip,big,when\n" + "31.01.2020,00501,123456789012345678901,01/02/2020\n" * 3)
    day, zipped, big, when = detect_schema(read_table(path)).columns
    assert day.kind == "datetime"
    assert day.format == "%d.%m.%Y"
    assert "leading zeros" in zipped.why
    assert "beyond 64 bits" in big.why
    assert "days and months" in when.why


def pandas_frame() -> pd.DataFrame:
    """A frame of every pandas dtype that Parquet keeps."""
    letters = RNG.choice(list("abc"), ROWS)
    frame = pd.DataFrame(
        {
            "Int64": pd.array(RNG.integers(0, 9, ROWS), dtype="Int64"),
            "UInt8": pd.array(RNG.integers(0, 9, ROWS), dtype="UInt8"),
            "int8": RNG.integers(0, 9, ROWS).astype("int8"),
            "float64": RNG.normal(size=ROWS),
            "float32": RNG.normal(size=ROWS).astype("float32"),
            "Float64": pd.array(RNG.normal(size=ROWS), dtype="Float64"),
            "category": pd.Categorical(letters, categories=["c", "b", "a"]),
            "ordered": pd.Categorical(letters, categories=["c", "b", "a"], ordered=True),
            "bool": RNG.random(ROWS) < 0.5,
            "boolean": pd.array(RNG.random(ROWS) < 0.5, dtype="boolean"),
            "datetime": pd.date_range("2020", periods=ROWS, freq="h"),
            "zoned": pd.date_range("2020", periods=ROWS, freq="D", tz="Europe/Berlin"),
            "string": pd.array(letters, dtype="string"),
            "object": [None if letter == "a" else letter for letter in letters],
        }
    )
    frame.loc[3, "Int64"] = pd.NA
    frame.loc[4, "float64"] = np.nan
    return frame


@pytest.mark.parametrize("index", ["range", "filtered", "named"])
def test_pandas_dtypes_come_back(tmp_path: Path, index: str) -> None:
    """Encoded, decoded and cast, a Parquet file of pandas has the dtypes that pandas reads from it."""
    frame = pandas_frame()
    if index == "filtered":
        frame = frame[frame["int8"] > 1]
    if index == "named":
        frame = frame.set_index("int8")
    frame.to_parquet(tmp_path / "x.parquet")
    wanted = pd.read_parquet(tmp_path / "x.parquet").reset_index(drop=index != "named")
    table = read_table(tmp_path / "x.parquet")
    schema = detect_schema(table)
    codec = Codec.fit(conform(table, schema), schema)
    encoded, _ = codec.encode(conform(table, schema))
    result = pa.Table.from_batches([codec.decode(encoded)]).cast(codec.result_schema).to_pandas()
    assert set(result.columns) == set(wanted.columns)
    assert result[wanted.columns].dtypes.to_dict() == wanted.dtypes.to_dict()
    exact = ["Int64", "UInt8", "category", "ordered", "bool", "boolean", "string", "object"]
    pd.testing.assert_frame_equal(result[exact], wanted[exact])


def test_parquet_and_arrow_files_are_checked(tmp_path: Path) -> None:
    """A wrong or damaged file names its path and format; one with infinities, column and row."""
    cases = {
        "x.parquet": (b"abc", r"must be in the format \.parquet"),
        "y.parquet": (b"PAR1abc", "must be readable as Parquet"),
        "x.arrow": (b"", "an empty file"),
        "y.arrow": (b"ARROW1abc", "must be readable as Arrow"),
        "z.arrow": (b"\xff\xff\xff\xffabcdefgh", "must be readable as Arrow"),
        "x.xlsx": (b"PK\x03\x04", "Excel.*Save it as CSV"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataFileError, match=message) as caught:
            read_table(tmp_path / name)
        assert caught.value.context == str(tmp_path / name)
    pa.parquet.write_table(pa.table({"a": [1.0, float("inf")]}), tmp_path / "i.parquet")
    with pytest.raises(DataFileError, match=r"columns\.a\.rows\[1\] must be a finite number, got inf"):
        read_table(tmp_path / "i.parquet")
    with pytest.raises(DataFileError, match="must exist"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataFileError, match="a directory"):
        read_table(tmp_path / "folder")


def test_arrow_streams_are_read(tmp_path: Path) -> None:
    """An Arrow stream is read like an Arrow file; string views become strings."""
    table = pa.table({"a": pa.array(["x", None], pa.string_view()), "b": [1, 2]})
    with pa.ipc.new_stream(str(tmp_path / "x.arrows"), table.schema) as writer:
        writer.write_table(table)
    found = read_table(tmp_path / "x.arrows")
    assert found.equals(pa.table({"a": ["x", None], "b": [1, 2]}))


def test_schemas_refuse_doubles() -> None:
    """A schema itself refuses two columns of one name, and two targets."""
    column = detect([1, 2])
    with pytest.raises(ValueError, match="unique, got twice: x"):
        Schema(columns=(column, column))
