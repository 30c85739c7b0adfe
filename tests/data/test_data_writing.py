"""Files hold what was written, whole or not at all."""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data import conform, detect_schema, read_table, write_table
from augment.data.schema import CategoryColumn, Column, DatetimeColumn, IntegerColumn, NumberColumn, Schema
from augment.errors import PublishError, RequestError, SchemaError

if TYPE_CHECKING:
    from pathlib import Path

TABLE = pa.table(
    {
        "i": pa.array([1, None, -(2**63)], pa.int64()),
        "f": [0.1, 7.0, None],
        "b": [True, None, False],
        "s": ['a "b", c', "x\ny", None],
        "d": pa.array(["u", None, "v"]).dictionary_encode(),
        "t": pa.array([0, 1_500, None], pa.timestamp("ms", tz="UTC")),
        "day": pa.array([0, None, 18_000], pa.int32()).cast(pa.date32()),
        "m": pa.array([Decimal("1.10"), None, Decimal("-2.00")], pa.decimal128(9, 2)),
    }
)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet", "x.arrow", "x.feather"])
def test_every_format_gives_the_table_back(tmp_path: Path, name: str) -> None:
    """What is read under the written table's schema is that table."""
    schema = detect_schema(TABLE)
    write_table(TABLE, tmp_path / name, schema)
    assert conform(read_table(tmp_path / name, schema=schema), schema).equals(TABLE)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet", "x.arrow"])
def test_the_same_table_is_the_same_bytes(tmp_path: Path, name: str) -> None:
    """Two writings are equal, and chunks of the table make no difference to text."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_table(TABLE, tmp_path / "a" / name)
    write_table(TABLE, tmp_path / "b" / name)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_csv_is_what_people_expect(tmp_path: Path) -> None:
    """Quotes where needed alone, shortest floats with a point, empty cells for missing ones."""
    write_table(TABLE.select(["i", "f", "b", "s", "d", "m"]), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == (
        'i,f,b,s,d,m\n1,0.1,true,"a ""b"", c",u,1.10\n,7.0,,"x\ny",,\n-9223372036854775808,,false,,v,-2.00\n'
    )


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d.%m.%Y %H:%M", "31.01.2020 10:05"),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "2020-01-31T10:05:06.250Z"),
        ("%Y-%m-%dT%H:%M:%S", "2020-01-31T10:05:06"),
        ("", "2020-01-31 10:05:06.250Z"),
    ],
)
def test_points_in_time_are_written_in_their_format(tmp_path: Path, form: str, text: str) -> None:
    """The column's format decides, down to its finest part."""
    column = DatetimeColumn(name="t", storage="timestamp[ms, tz=UTC]", format=form)
    moment = pa.table({"t": pa.array([1_580_465_106_250], pa.timestamp("ms", tz="UTC"))})
    write_table(moment, tmp_path / "x.csv", Schema(columns=(column,)))
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == text


def test_offsets_are_written(tmp_path: Path) -> None:
    """A file with offsets is read, written with them, and read to the same moments."""
    (tmp_path / "x.csv").write_text("t,n\n2020-01-31 10:00:00+02:00,1\n2020-02-01 11:00:00+02:00,2\n")
    table = read_table(tmp_path / "x.csv")
    write_table(table, tmp_path / "y.csv", detect_schema(table))
    assert "2020-01-31 10:00:00+0200" in (tmp_path / "y.csv").read_text()
    assert read_table(tmp_path / "y.csv").equals(table)


def test_one_column_with_missing_cells(tmp_path: Path) -> None:
    """A missing cell of an only column is no empty line, which would be no row."""
    table = pa.table({"x": [1, None, 3]})
    write_table(table, tmp_path / "x.csv")
    assert read_table(tmp_path / "x.csv").equals(table)


def test_arrays_are_refused_in_text(tmp_path: Path) -> None:
    """A CSV file cannot hold arrays; the error says what can, and no file is left."""
    table = pa.table({"a": pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2))})
    with pytest.raises(SchemaError, match=r"columns\.a .*\.parquet"):
        write_table(table, tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffixes_are_refused(tmp_path: Path) -> None:
    """The error lists the suffixes there are."""
    with pytest.raises(RequestError, match=r"\.feather"):
        write_table(TABLE, tmp_path / "x.xlsx")


def test_what_cannot_be_written_leaves_the_file_before(tmp_path: Path) -> None:
    """A directory that is not there is an error; a failed writing leaves the old file whole."""
    with pytest.raises(PublishError, match="cannot be written"):
        write_table(TABLE, tmp_path / "absent" / "x.csv")
    write_table(TABLE, tmp_path / "x.csv")
    before = (tmp_path / "x.csv").read_bytes()
    with pytest.raises(SchemaError):
        write_table(pa.table({"a": [[1]]}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_gzip_holds_the_same_text(tmp_path: Path) -> None:
    """A gzipped CSV file is the CSV file, gzipped."""
    write_table(TABLE, tmp_path / "x.csv")
    write_table(TABLE, tmp_path / "x.csv.gz")
    assert gzip.decompress((tmp_path / "x.csv.gz").read_bytes()) == (tmp_path / "x.csv").read_bytes()


def test_many_rows_are_written_in_parts(tmp_path: Path) -> None:
    """Tables longer than one part come back whole and in order, whatever their chunks."""
    table = pa.table({"x": np.arange(150_000), "y": np.arange(150_000) / 8})
    write_table(pa.concat_tables([table[:7], table[7:]]), tmp_path / "x.csv")
    assert read_table(tmp_path / "x.csv").equals(table)


def test_slices_write_their_own_rows(tmp_path: Path) -> None:
    """A slice of a table is written from its own first row."""
    write_table(TABLE[1:], tmp_path / "x.csv")
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 4


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=6).map("x{}x".format)


def columns() -> st.SearchStrategy[tuple[Column, pa.DataType, st.SearchStrategy[object]]]:
    """Columns that CSV can hold, with their type and cells."""
    floats = st.floats(allow_nan=False, allow_infinity=False)
    return st.sampled_from(
        [
            (
                IntegerColumn(name="x", storage="int64", nullable=True),
                pa.int64(),
                st.integers(-(2**63), 2**63 - 1),
            ),
            (
                IntegerColumn(name="x", storage="uint64", nullable=True),
                pa.uint64(),
                st.integers(0, 2**64 - 1),
            ),
            (NumberColumn(name="x", storage="float64", nullable=True), pa.float64(), floats),
            (CategoryColumn(name="x", storage="string", nullable=True), pa.string(), TEXTS),
            (DatetimeColumn(name="x", storage="date32", nullable=True), pa.date32(), st.dates()),
        ]
    )


@settings(max_examples=60, deadline=None)
@given(columns(), NAMES, st.data())
def test_any_table_survives_csv(
    tmp_path_factory: pytest.TempPathFactory,
    kind: tuple[Column, pa.DataType, st.SearchStrategy[object]],
    name: str,
    data: st.DataObject,
) -> None:
    """Whatever values, bit for bit, and whatever name: reading gives what was written."""
    column, arrow, cells = kind
    name = f"{name.strip()}x"
    values = data.draw(st.lists(st.one_of(st.none(), cells), min_size=1, max_size=20))
    table = pa.table({name: pa.array(values, arrow), "n": range(len(values))})
    named = column.model_copy(update={"name": name})
    schema = Schema(columns=(named, IntegerColumn(name="n", storage="int64")))
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    write_table(table, path, schema)
    assert conform(read_table(path, schema=schema), schema).equals(table)
