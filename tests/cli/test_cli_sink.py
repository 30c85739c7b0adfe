"""Output files: whole or not there, and the same however the rows came in."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augment.cli.csv_lines import csv_header, csv_lines
from augment.cli.sink import check_output, group_rows, write_batches, write_bytes
from augment.data import detect_schema, read_table, write_table
from augment.errors import PublishError, RequestError
from augment.sources.sizes import row_bytes
from tests.records import every_kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = every_kind(3000)
FLAT = ROWS.drop_columns(["image"])


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".arrow", ".npz"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, ROWS.num_rows), max_size=6))
def test_portions_do_not_show(tmp_path: Path, suffix: str, cuts: list[int]) -> None:
    """The same rows in other portions give the same bytes."""
    table = FLAT if suffix.startswith(".csv") else ROWS
    edges = [0, *sorted(cuts), table.num_rows]
    parts = [table.slice(low, high - low) for low, high in itertools.pairwise(edges)]
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    assert write_batches(whole, table.schema, [table]) == table.num_rows
    write_batches(cut, table.schema, parts)
    assert whole.read_bytes() == cut.read_bytes()


def test_groups_do_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Wide rows are written in groups of bounded size."""
    wide = pa.schema([("image", pa.fixed_shape_tensor(pa.float32(), [64, 64]))])
    assert row_bytes(wide) == 4 * 64 * 64
    assert group_rows(wide) * row_bytes(wide) <= 32 << 20
    small = pa.table({"flag": pa.array([True] * 300_000)})
    write_batches(tmp_path / "flags.parquet", small.schema, [small])
    assert read_table(tmp_path / "flags.parquet").equals(small)


def test_csv_is_what_the_library_writes(tmp_path: Path) -> None:
    """The streaming writer's CSV equals `write_table`'s, quotes and all."""
    odd = pa.table(
        {
            'a "b", c': ["plain", 'say "x"', "1,5", "two\nlines", " padded ", None],
            "float": [1.0, -0.5, 1e300, 12345678.9, 0.1, None],
            "whole": pa.array([1, 2**63 - 1, -5, 0, None, 7]),
            "level": pa.array(["x", None, "y", "x", "y", "z"]).dictionary_encode(),
            "flag": [True, False, None, True, False, True],
        }
    )
    for number, table in enumerate((odd, FLAT, odd.select(["whole"]))):
        schema = detect_schema(table)
        library, own = tmp_path / f"library{number}.csv", tmp_path / f"own{number}.csv"
        write_table(table, library, schema)
        write_batches(own, table.schema, [table])
        assert own.read_bytes() == library.read_bytes()


def test_points_in_time_are_written_in_the_columns_format() -> None:
    """A format that the column has is the format it is written in."""
    day = pa.table({"day": FLAT["day"][:1]})
    assert csv_header(day.schema) == b"day\n"
    assert csv_lines(day, {"day": "%d.%m.%Y"}) == f"{FLAT['day'][0].as_py():%d.%m.%Y}\n".encode()


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """Rows that stop coming leave the earlier file as it was, and nothing beside it."""
    path = tmp_path / "out.csv"
    write_bytes(path, b"earlier")

    def breaking() -> Iterator[pa.Table]:
        yield FLAT
        raise RuntimeError("no more rows")

    with pytest.raises(RuntimeError, match="no more rows"):
        write_batches(path, FLAT.schema, breaking())
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]
    assert path.read_bytes() == b"earlier"


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """An operating system's refusal names the file."""
    with pytest.raises(PublishError, match="gone"):
        write_bytes(tmp_path / "gone" / "file.csv", b"")


def test_bad_outputs_are_refused_before_any_work(tmp_path: Path) -> None:
    """An unknown suffix, a missing directory, a directory, arrays as CSV: each says the rule."""
    (tmp_path / "folder.csv").mkdir()
    for path, rule in (
        (tmp_path / "out.xlsx", "must end in one of"),
        (tmp_path / "none" / "out.csv", "must lie in a directory that exists"),
        (tmp_path / "folder.csv", "must be a file"),
        (tmp_path / "out.csv", "cannot hold array columns"),
    ):
        with pytest.raises(RequestError, match=rule):
            check_output(path, ROWS.schema)


def test_a_source_that_goes_away_is_not_a_fault_of_the_file(tmp_path: Path) -> None:
    """An OSError of the rows, such as a lost server's, comes through; no file is left behind."""

    def lost() -> Iterator[pa.Table]:
        yield pa.table({"a": [1]})
        raise ConnectionError("the server is gone")

    with pytest.raises(ConnectionError, match="the server is gone"):
        write_batches(tmp_path / "new.parquet", pa.schema({"a": pa.int64()}), lost())
    assert not list(tmp_path.iterdir())
