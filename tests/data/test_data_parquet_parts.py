"""Laws of Parquet that is read part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augment.data import ParquetParts, read_table
from augment.errors import DataFileError
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, **tables: pa.Table) -> Path:
    """Write each table as a part."""
    folder.mkdir()
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=50)
    return folder


def test_a_directory_of_parts_is_one_table(tmp_path: Path) -> None:
    """Parts come by name; columns in the first one's order and type, also where a part has no cell."""
    whole = every_kind(120)
    nothing = whole[100:].set_column(3, "city", pa.nulls(20)).select(whole.column_names[::-1])
    folder = written(tmp_path / "parts", b=whole[60:100], a=whole[:60], c=nothing)
    parts = ParquetParts.open(folder)
    assert (parts.rows, [part.first_row for part in parts.parts]) == (120, [0, 60, 100])
    tables = [table for _, _, table in parts.batches()]
    assert [table.num_rows for table in tables] == [50, 10, 40, 20]
    read = read_table(folder)
    assert read.select(["age", "income", "image"]).equals(whole.select(["age", "income", "image"]))
    assert read["city"].to_pylist() == [*whole["city"][:100].to_pylist(), *[None] * 20]
    assert pa.concat_tables(tables)["code"].to_pylist() == whole["code"].to_pylist()


def test_what_training_in_memory_would_take_is_estimated(tmp_path: Path) -> None:
    """A number takes its own bytes and 24 encoded ones, an array so many an element."""
    table = pa.table({"a": pa.array([1.5, 2.5] * 50), "image": [[1.0] * 10] * 100})
    pq.write_table(table, tmp_path / "x.parquet")
    parts = ParquetParts.open(tmp_path / "x.parquet")
    assert parts.cells == 11
    assert parts.training_bytes == pytest.approx(100 * (8 + 80 + 4 + 24 * 11), rel=0.05)


def test_a_row_group_is_not_held(tmp_path: Path) -> None:
    """One of 24 MB is read in pieces; what Arrow holds meanwhile is a small part of it."""
    numbers = np.random.default_rng(0).normal(size=(3, 1_000_000))
    pq.write_table(
        pa.table(list(numbers), names=["a", "b", "c"]), tmp_path / "x.parquet", row_group_size=10**6
    )
    before, most = pa.total_allocated_bytes(), 0
    for _ in ParquetParts.open(tmp_path / "x.parquet").batches():
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 12 * 10**6


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (pa.table({"a": ["x"], "n": [1]}), r"b.parquet: columns.n must be double in every part, as in a"),
        (pa.table({"a": ["x"]}), r"b.parquet: columns.n must be in every part, and is in a.parquet"),
        (
            pa.table({"a": ["x"], "n": [1.0], "z": [1]}),
            r"a.parquet: columns.z must be in every part, and is in b",
        ),
        (pa.table({"a": ["x"], "n": [1.0]})[:0], r"b.parquet: file must have columns and at least one row"),
    ],
)
def test_parts_that_do_not_go_together_are_named(other: pa.Table, said: str, tmp_path: Path) -> None:
    """Part, column, rule and remedy are told."""
    folder = written(tmp_path / "parts", a=pa.table({"a": ["x", "y"], "n": [1.5, 2.5]}), b=other)
    with pytest.raises(DataFileError, match=said) as caught:
        ParquetParts.open(folder)
    assert caught.value.violations[0].remedy


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    """Cut short, empty, or changed in the middle: which file, and which row group."""
    table = pa.table({"n": [float(n) for n in range(200)]})
    folder = written(tmp_path / "parts", a=table, b=table)
    whole = (folder / "b.parquet").read_bytes()
    (folder / "b.parquet").write_bytes(whole[:-100])
    with pytest.raises(DataFileError, match=r"b.parquet: file must be whole Parquet.*no footer"):
        ParquetParts.open(folder)
    (folder / "b.parquet").write_bytes(b"")
    with pytest.raises(DataFileError, match=r"b.parquet: file must be Parquet, got 'an empty file'"):
        ParquetParts.open(folder)
    (folder / "b.parquet").write_bytes(whole[:4] + b"\xff" * 60 + whole[64:])
    with pytest.raises(DataFileError, match=r"b.parquet: row group 0 must be readable as Parquet"):
        list(ParquetParts.open(folder).batches())


def test_an_infinite_number_is_named_by_its_row_in_the_part(tmp_path: Path) -> None:
    """Not by its row in a batch."""
    cells = [1.0] * 130
    cells[120] = float("inf")
    folder = written(tmp_path / "parts", a=pa.table({"n": [1.0] * 10}), b=pa.table({"n": cells}))
    with pytest.raises(DataFileError, match=r"b.parquet: columns.n.rows\[120\] must be a finite number"):
        list(ParquetParts.open(folder).batches())


def test_a_directory_without_parts_is_refused(tmp_path: Path) -> None:
    """With what should be there."""
    with pytest.raises(DataFileError, match="must hold Parquet files"):
        ParquetParts.open(tmp_path)
