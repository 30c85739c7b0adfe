"""What CSV files mean, and what is wrong with those that are refused."""

from __future__ import annotations

import datetime as dt
import gzip
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data import parse_schema, read_table
from augment.data.csv_text import sniff_delimiter
from augment.errors import DataFileError

if TYPE_CHECKING:
    from pathlib import Path

UTC = dt.UTC


def read(tmp_path: Path, content: str | bytes, **options: Any) -> pa.Table:
    """Write a CSV file and read it."""
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **options)


def column(tmp_path: Path, *cells: str, **options: Any) -> pa.ChunkedArray:
    """Read a file of one column `a` beside a column of numbers."""
    rows = "".join(f"{cell},{index}\n" for index, cell in enumerate(cells))
    return read(tmp_path, f"a,n\n{rows}", **options)["a"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    """Comma, semicolon, tab and bar are told apart, whatever else the cells hold."""
    other = ";" if delimiter == "," else ","
    rows = [["name", "value"], [f"'x{other}y{other}", "1"], [f"{other}{other}", "2"]]
    table = read(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    assert table.to_pydict() == {"name": [f"'x{other}y{other}", other * 2], "value": [1, 2]}


def test_delimiters_inside_quotes_do_not_count() -> None:
    """Quoted cells may hold any delimiter, any number of times."""
    assert sniff_delimiter('a;"b,c,d"\n1;"2,3,4"\n') == ";"
    assert sniff_delimiter("only\nhi, there\n") == ","
    assert sniff_delimiter("") == ","


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfa,b\n1,x\n2,y\n",
        b"a,b\r\n1,x\r\n2,y\r\n",
        b"a,b\r1,x\r2,y\r",
        b'"a","b"\n"1","x"\n"2","y"',
        b" a , b \n 1 , x \n 2 , y \n",
        b"a,b\n\n1,x\n\n2,y\n\n",
        gzip.compress(b"a,b\n1,x\n2,y\n"),
    ],
    ids=["BOM", "CRLF", "CR", "quotes", "spaces", "blank lines", "gzip"],
)
def test_spellings_of_one_table(tmp_path: Path, content: bytes) -> None:
    """Byte order marks, line ends, quotes, white space, blank lines and gzip change nothing."""
    assert read(tmp_path, content).to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_quoted_newlines_and_quotes(tmp_path: Path) -> None:
    """A quoted cell may hold line ends and doubled quotes."""
    table = read(tmp_path, 'a,b\n"x\ny ""z""",1\n')
    assert table.to_pydict() == {"a": ['x\ny "z"'], "b": [1]}


@pytest.mark.parametrize(
    "spelling", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "#N/A", "<NA>"]
)
def test_missing_spellings(tmp_path: Path, spelling: str) -> None:
    """Each spelling is a missing cell, quoted or not, in columns of any type."""
    cells = column(tmp_path, "1", spelling, f'"{spelling}"', f"  {spelling} ")
    assert cells.type == pa.int64()
    assert cells.to_pylist() == [1, None, None, None]


def test_none_and_unknown_are_levels(tmp_path: Path) -> None:
    """Words that a person would use are kept."""
    assert column(tmp_path, "none", "unknown", "no").to_pylist() == ["none", "unknown", "no"]


def test_missing_spellings_may_be_given(tmp_path: Path) -> None:
    """The caller's list replaces the usual one."""
    cells = column(tmp_path, "-", "NA", "x", missing=["-"])
    assert cells.to_pylist() == [None, "NA", "x"]


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "+2", "-3"], pa.int64(), [1, 2, -3]),
        (["9223372036854775807", "0"], pa.int64(), [2**63 - 1, 0]),
        (["18446744073709551615", "0"], pa.uint64(), [2**64 - 1, 0]),
        (["18446744073709551616", "0"], pa.string(), ["18446744073709551616", "0"]),
        (["00501", "10001"], pa.string(), ["00501", "10001"]),
        (["1", "2.5", ".5", "5.", "1e3"], pa.float64(), [1.0, 2.5, 0.5, 5.0, 1000.0]),
        (["41.0", "NA"], pa.float64(), [41.0, None]),
        (["True", "FALSE", "true"], pa.bool_(), [True, False, True]),
        (["1,5", "x"], pa.string(), None),
        (["a", "1"], pa.string(), ["a", "1"]),
        (["", ""], pa.float64(), [None, None]),
        (["Zürich", "東京"], pa.string(), ["Zürich", "東京"]),
    ],
)
def test_types_of_columns(
    tmp_path: Path, cells: list[str], kind: pa.DataType, values: list[Any] | None
) -> None:
    """A column has the narrowest type that keeps all of its cells exactly."""
    quoted = [f'"{cell}"' if "," in cell else cell for cell in cells]
    found = column(tmp_path, *quoted)
    assert found.type == kind
    assert found.to_pylist() == (cells if values is None else values)


@pytest.mark.parametrize(
    ("cells", "kind", "first", "form"),
    [
        (["2020-01-31", "2020-02-01"], pa.timestamp("s"), "2020-01-31T00:00:00", "%Y-%m-%d"),
        (["2020/01/31", "2020/02/01"], pa.timestamp("s"), "2020-01-31T00:00:00", "%Y/%m/%d"),
        (["13/02/2020", "01/03/2020"], pa.timestamp("s"), "2020-02-13T00:00:00", "%d/%m/%Y"),
        (["02/13/2020", "01/03/2020"], pa.timestamp("s"), "2020-02-13T00:00:00", "%m/%d/%Y"),
        (
            ["1.2.2020 9:05", "31.12.2020 10:30"],
            pa.timestamp("s"),
            "2020-02-01T09:05:00",
            "%d.%m.%Y %H:%M",
        ),
        (
            ["2020-01-31T10:00:00Z", "2020-02-01T10:00:00.25Z"],
            pa.timestamp("ms", tz="UTC"),
            "2020-01-31T10:00:00+00:00",
            "%Y-%m-%dT%H:%M:%S.%fZ",
        ),
        (
            ["2020-01-31 10:00:00+02:00", "2020-02-01 10:00:00+02:00"],
            pa.timestamp("s", tz="+02:00"),
            "2020-01-31T08:00:00+00:00",
            "%Y-%m-%d %H:%M:%S%z",
        ),
        (
            ["2020-01-31 10:00+0200", "2020-07-01 10:00-0130"],
            pa.timestamp("s", tz="UTC"),
            "2020-01-31T08:00:00+00:00",
            "%Y-%m-%d %H:%M%z",
        ),
        (["2020-01-31 00:00:01.123456", "2020-02-01"], pa.timestamp("us"), None, "%Y-%m-%d %H:%M:%S.%f"),
        (["2020-01-31 00:00:01.123456789", ""], pa.timestamp("ns"), None, "%Y-%m-%d %H:%M:%S.%f"),
    ],
)
def test_points_in_time(
    tmp_path: Path, cells: list[str], kind: pa.DataType, first: str | None, form: str
) -> None:
    """ISO 8601 and common formats are read, and the format is kept."""
    path = tmp_path / "data.csv"
    path.write_text("a,n\n" + "".join(f"{cell},1\n" for cell in cells))
    table = read_table(path)
    assert table["a"].type == kind
    assert table.schema.field("a").metadata == {b"augment.format": form.encode()}
    if first is not None:
        moment = table["a"][0].as_py()
        assert (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat() == first


@pytest.mark.parametrize(
    "cells",
    [
        ["02/03/2020", "01/03/2020"],
        ["2020-01-01", "2020-01-01T10:00:00Z"],
        ["2020-01-01", "01.02.2020"],
        ["2020-02-30", "2020-02-29", "2020-01-01 25:00"],
    ],
    ids=["day or month", "zone or none", "two formats", "no such day"],
)
def test_dates_are_not_guessed(tmp_path: Path, cells: list[str]) -> None:
    """Where two readings, or none, fit all cells, they stay text."""
    found = column(tmp_path, *cells)
    assert found.type == pa.string()
    assert found.to_pylist() == cells


DATES = "2020-01-01\n" * 20


@pytest.mark.parametrize(
    ("content", "field", "rule", "value"),
    [
        ("", "file", "row of column names", "an empty file"),
        ("\n\n", "file", "row of column names", "an empty file"),
        (",,\n1,2,3\n", "file", "row of column names", ",,"),
        ("a,b\n", "file", "at least one row of data", "2 columns and 0 rows"),
        ("a,b\n1,2\n3\n", "rows[1]", "must have 2 cells", "1 cells in '3'"),
        ("a,b\n1,2\n3,4\n5,6,7\n", "rows[2]", "must have 2 cells", "3 cells in '5,6,7'"),
        ('a,b\n"x,2\n3,4\n', "rows[0]", "must have 2 cells", "1 cells"),
        ("a,b,a\n1,2,3\n", "columns.a", "must be there once", "2 times"),
        (",b\n1,2\n", "columns[0]", "must have a name", "''"),
        ("a,b\nZ\xfcrich,2\n".encode("latin-1"), "byte 5", "UTF-8", "xfc"),
        ("a,b\n1,2\n".encode("utf-16"), "byte 0", "UTF-8", "xff"),
        (b"a,b\n" + b"x,1\n" * 100_000 + b"\xff,1\n", "file", "UTF-8", "UTF8"),
        ("a\n1\n-inf\n", "columns.a.rows[1]", "finite", "'-inf'"),
        ("a\n1\n1e999\n", "columns.a.rows[1]", "finite", "'1e999'"),
        ("a\n" + "1\n" * 20 + "oops\n", "columns.a.rows[20]", "must be a number", "'oops'"),
        ("a\n" + DATES + "oops\n", "columns.a.rows[20]", "must be a date", "'oops'"),
        ("a\n" + DATES + "2020-02-30\n", "columns.a.rows[20]", "must be a date", "'2020-02-30'"),
        ("a\n" + DATES + "9999-12-31 10:00:00.123456789\n", "columns.a.rows", "must be a date", ""),
        (gzip.compress(b"a,b\n1,2\n" * 9999)[:-9], "file", "readable as CSV", "end-of-stream"),
        (b"\x1f\x8bnonsense" * 9, "file", "readable as CSV", ""),
    ],
)
def test_bad_files_name_what_is_wrong(
    tmp_path: Path, content: str | bytes, field: str, rule: str, value: str
) -> None:
    """Each error names the file, the field, the rule and the value."""
    with pytest.raises(DataFileError) as caught:
        read(tmp_path, content)
    violation = caught.value.violations[0]
    assert violation.field.startswith(field)
    assert rule in violation.rule
    assert value in violation.value
    assert caught.value.context == str(tmp_path / "data.csv")


def test_mixtures_below_nine_in_ten_are_text(tmp_path: Path) -> None:
    """A column of numbers and many other texts is text, and so is one with leading zeros."""
    assert column(tmp_path, *["1"] * 8, "x", "y").type == pa.string()
    assert column(tmp_path, *["00501"] * 20, "K1A").type == pa.string()


SCHEMA = """
columns:
- {name: a, kind: category, storage: string}
- {name: b, kind: number, storage: float32}
- {name: c, kind: integer, storage: uint8}
- {name: d, kind: boolean, storage: bool}
- {name: e, kind: datetime, storage: 'timestamp[us, tz=Europe/Berlin]', format: '%d.%m.%Y %H:%M'}
- {name: f, kind: category, storage: dictionary<string>}
- {name: g, kind: datetime, storage: date32, format: '%d %B %Y'}
"""


def test_declared_columns_are_read_as_declared(tmp_path: Path) -> None:
    """A schema decides the types, so a category may look like numbers; other columns are detected."""
    content = "a,b,c,d,e,f,g,h\n007,1,+255,yes,01.02.2020 10:00,9,3 May 2021,1.5\noops,,,0,,,,\n"
    table = read(tmp_path, content, schema=parse_schema(SCHEMA))
    berlin = dt.datetime(2020, 2, 1, 9, tzinfo=UTC)
    assert table.slice(0, 1).to_pylist() == [
        {"a": "007", "b": 1.0, "c": 255, "d": True, "e": berlin, "f": "9", "g": dt.date(2021, 5, 3), "h": 1.5}
    ]
    assert table.slice(1).to_pylist() == [
        {"a": "oops", "b": None, "c": None, "d": False, "e": None, "f": None, "g": None, "h": None}
    ]
    assert [str(kind) for kind in table.schema.types[:4]] == ["string", "float", "uint8", "bool"]


@pytest.mark.parametrize(
    ("name", "cell"),
    [("b", "x"), ("b", "inf"), ("c", "256"), ("c", "1.5"), ("d", "maybe"), ("e", "2020-01-01"), ("g", "?!")],
)
def test_declared_columns_refuse_other_cells(tmp_path: Path, name: str, cell: str) -> None:
    """A cell that is not as declared is an error with its column, row and value."""
    with pytest.raises(DataFileError) as caught:
        read(tmp_path, f"{name},z\n,1\n{cell},1\n", schema=parse_schema(SCHEMA))
    violation = caught.value.violations[0]
    assert violation.field == f"columns.{name}.rows[1]"
    assert violation.value == repr(cell)
    assert "declare" in violation.rule


def test_arrays_cannot_be_read_from_csv(tmp_path: Path) -> None:
    """An array column says which formats can hold it."""
    schema = parse_schema("columns: [{name: a, kind: array, shape: [2], storage: float32}]")
    with pytest.raises(DataFileError, match="Parquet"):
        read(tmp_path, "a,b\n1,2\n", schema=schema)


CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=20))
def test_any_text_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    """Quoted cells of any Unicode text come back, white space around them trimmed."""
    quoted = ["x" + cell.replace('"', '""') for row in rows for cell in row]
    lines = [f'"{one}","{two}"' for one, two in zip(quoted[::2], quoted[1::2], strict=True)]
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    path.write_text("ä,b\n" + "\n".join(lines) + "\n", encoding="utf-8")
    table = read_table(path)
    assert table.column_names == ["ä", "b"]
    wanted = [("x" + one, "x" + two) for one, two in rows]
    trimmed = pa.array([one for one, _ in wanted])
    assert table["ä"].to_pylist() == pa.compute.utf8_trim_whitespace(trimmed).to_pylist()


@pytest.mark.parametrize("zipped", [False, True])
def test_arrow_reads_without_a_python_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, zipped: bool
) -> None:
    """Arrow's threads get nothing to drop late that needs the interpreter: an exit meanwhile aborted."""
    sources: list[object] = []
    read_csv = pacsv.read_csv

    def noting(source: object, **options: Any) -> pa.Table:
        sources.append(source)
        return read_csv(source, **options)

    monkeypatch.setattr(pacsv, "read_csv", noting)
    content = b"a,b\n1,x\n"
    assert read(tmp_path, gzip.compress(content) if zipped else content).num_rows == 1
    assert [type(source) for source in sources] == [pa.BufferReader if zipped else pa.OSFile]
