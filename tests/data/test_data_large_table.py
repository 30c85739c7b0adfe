"""Laws of tables that are read in passes, and of their encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augment.data import Codec, LargeTable, conform, detect_schema, read_table
from augment.data.category import MAX_LEVELS, LevelCounts
from augment.data.extending import extended_codec, recounted
from augment.data.large_codec import fit_large, widen_large
from augment.data.record_file import RecordFile, RecordForm, RecordWriter
from augment.data.schema import CategoryColumn, IdentifierColumn, Schema
from augment.data.tables import CategoryTable, WholeTable
from augment.errors import ColumnNotFoundError, SchemaError
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path


def stored(table: pa.Table, path: Path) -> Path:
    """Write a table of several row groups."""
    pq.write_table(table, path, row_group_size=100)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 records of every kind."""
    return stored(every_kind(600), tmp_path_factory.mktemp("large") / "all.parquet")


def lopsided() -> pa.Table:
    """2,000 rows with values that are there once, which a sample of 100 hardly has."""
    numbers = np.arange(2000) % 50 * 2
    numbers[700], numbers[1500] = -1000, 99_999
    cells = ["usual", "other"] * 1000
    cells[1234] = "once"
    missing = [1.5] * 2000
    return pa.table(
        {
            "number": numbers,
            "level": cells,
            "gap": pa.array(missing, mask=np.arange(2000) == 1900),
            "id": np.arange(10, 2010),
            "code": [f"U{number:06}" for number in range(2000)],
        }
    )


def test_a_sample_of_all_rows_says_what_the_whole_table_says(file: Path) -> None:
    """Schema and encoding are those of the table in memory."""
    large = LargeTable.open(file)
    table = read_table(file)
    schema = detect_schema(table, target="class")
    assert large.detect_schema(target="class") == schema
    assert large.sample.num_rows == large.rows == 600
    assert fit_large(large, schema).tables == Codec.fit(conform(table, schema), schema).tables


def test_what_a_sample_may_not_lack_is_in_it(tmp_path: Path) -> None:
    """The ends of numbers, a missing cell, all categories with their counts, where identifiers end."""
    large = LargeTable.open(stored(lopsided(), tmp_path / "x.parquet"), seed=1, sample_rows=100)
    assert 60 < large.sample.num_rows < 160
    assert large.sample.num_rows == len(set(large.numbers.tolist())) == len(large.numbers)
    assert large.sample["number"].to_pylist() == [
        lopsided()["number"][int(row)].as_py() for row in large.numbers
    ]
    schema = large.detect_schema()
    kinds = {column.name: column for column in schema.columns}
    assert kinds["gap"].nullable
    assert not kinds["number"].nullable
    assert "by" in kinds["number"].why
    assert "of 2,000 rows" in kinds["number"].why
    assert isinstance(kinds["id"], IdentifierColumn)
    assert kinds["id"].start == 2010
    assert isinstance(kinds["code"], IdentifierColumn)
    assert (kinds["code"].pattern, kinds["code"].start) == (r"U000000", 2000)
    codec = fit_large(large, schema)
    number, level = codec.tables.table("number"), codec.tables.table("level")
    assert isinstance(number, WholeTable)
    assert (number.origin, number.origin + number.knots[-1], number.step) == (-1000, 99_999, 1)
    assert isinstance(level, CategoryTable)
    assert (level.levels, level.counts) == (("other", "usual", "once"), (0, 1000, 999, 1))


def test_the_sample_hangs_on_the_seed_alone(tmp_path: Path) -> None:
    """Not on row groups."""
    few, many = tmp_path / "few.parquet", tmp_path / "many.parquet"
    pq.write_table(lopsided(), few, row_group_size=37)
    pq.write_table(lopsided(), many, row_group_size=1000)
    one, same, other = (
        LargeTable.open(path, seed=seed, sample_rows=100) for path, seed in ((few, 1), (many, 1), (few, 2))
    )
    assert one.sample.equals(same.sample)
    assert not one.sample.equals(other.sample)


def test_a_column_that_does_not_fit_is_named_with_part_and_row(tmp_path: Path) -> None:
    """Cells that the schema forbids, and columns that are not there."""
    large = LargeTable.open(stored(lopsided(), tmp_path / "x.parquet"), sample_rows=100)
    schema = large.detect_schema()
    columns = tuple(c.model_copy(update={"nullable": False}) for c in schema.columns)
    strict = schema.model_copy(update={"columns": columns})
    with pytest.raises(SchemaError, match=r"x.parquet: columns.gap.rows\[1900\] must be there"):
        list(large.tables(strict))
    fewer = LargeTable.open(
        stored(lopsided().drop_columns(["level"]), tmp_path / "y.parquet"), sample_rows=100
    )
    with pytest.raises(ColumnNotFoundError, match=r"y.parquet: no column 'level'"):
        next(fewer.tables(schema))


def test_levels_are_counted_piece_by_piece() -> None:
    """Dictionaries that differ come together in the order of their coming; counts add up."""
    pieces = [pa.array(["b", "a", None]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()]
    counted = LevelCounts.of(pieces[0]).plus(LevelCounts.of(pieces[1]))
    assert counted.ranked() == [("a", 2), ("b", 1), ("c", 1)]
    assert (counted.missing, counted.table("x").dictionary) == (1, ("b", "a", "c"))


def test_too_many_levels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do."""
    monkeypatch.setattr("augment.data.large_codec._MOST_LEVELS", 2)
    large = LargeTable.open(stored(lopsided(), tmp_path / "x.parquet"))
    with pytest.raises(SchemaError, match=r"columns.level must have at most 2 distinct.*kind: text"):
        fit_large(large, large.detect_schema())


def test_records_come_back_from_the_file_to_the_bit(tmp_path: Path) -> None:
    """Tokens of one byte and of two, residuals, rare levels, arrays: by number and in order."""
    table = every_kind(400)
    many = [f"level {row % (MAX_LEVELS + 20)}" for row in range(6000)]
    declared = Schema(columns=(CategoryColumn(name="many", storage="string"),))
    tables = {"all": table, "few": table.select(["code"]), "many": pa.table({"many": many})}
    for name, one in tables.items():
        schema = declared if name == "many" else detect_schema(one)
        codec = Codec.fit(conform(one, schema), schema)
        encoded, _ = codec.encode(conform(one, schema))
        path = tmp_path / f"{name}.bin"
        with RecordWriter(path, codec) as writer:
            writer.append(encoded)
        form = RecordForm.of(codec)
        file = RecordFile(path, form)
        assert len(file) == one.num_rows
        assert path.stat().st_size == one.num_rows * form.dtype.itemsize
        rows = np.array([3, 0, 3, one.num_rows - 1])
        gathered, pieces = file.gather(rows), list(file.pieces())
        for part in ("tokens", "residuals", "arrays"):
            whole = getattr(encoded, part)
            assert np.array_equal(getattr(gathered, part), whole[rows])
            assert np.array_equal(np.concatenate([getattr(piece, part) for piece in pieces]), whole)
        for counts, column in zip(writer.counts, codec.layout.names, strict=True):
            learnt = codec.tables.table(column)
            assert learnt is not None
            assert tuple(counts.tolist()) == learnt.counts


@pytest.mark.parametrize("sample_rows", [100, 10_000])
def test_a_bundle_s_encoding_takes_in_a_large_table(sample_rows: int, tmp_path: Path) -> None:
    """As it does a table in memory: what is known keeps its codes, new levels are counted over all rows."""
    before = lopsided()[:1000].append_column("dictionary", pa.array(["x", "y"] * 500).dictionary_encode())
    now = lopsided().append_column("dictionary", pa.array(["y", "z"] * 1000).dictionary_encode())
    schema = detect_schema(now)
    codec = Codec.fit(conform(before, schema), schema)
    large = LargeTable.open(stored(now, tmp_path / "x.parquet"), sample_rows=sample_rows)
    wider = widen_large(codec, large, schema)
    encoded, _ = wider.encode(conform(now, schema))
    found = recounted(wider, [np.bincount(column) for column in encoded.tokens.T], anew=False)
    assert found.tables == extended_codec(codec, conform(now, schema), schema).tables
