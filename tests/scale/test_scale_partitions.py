"""Directories that name columns."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from augment.errors import DataFileError, RecordsError
from augment.scale.run import plan_step, run_step
from tests.scale.steps import config_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

MADE = ({"do": "augment", "factor": 1.05},)


def in_directory(root: Path, directory: str, table: pa.Table) -> Path:
    """Write a table as a file in a directory below `in`."""
    place = root / "in" / directory
    place.mkdir(parents=True)
    pq.write_table(table, place / "a.parquet")
    return place


def test_values_are_read_as_the_model_has_them(given: pa.Table, tmp_path: Path, flat_dir: Path) -> None:
    """Escaped characters, days, numbers, a category that looks like a number: as other writers name them."""
    some = given.slice(0, 20).drop_columns(["city", "day", "age", "note", "class"])
    in_directory(tmp_path, "city=Z%C3%BCrich/day=2021-02-03/age=40/note=007/class=1", some)
    run_step(config_of(tmp_path, flat_dir, operations=MADE))
    row = rows_of(tmp_path / "out").slice(0, 1).select(["city", "day", "age", "note"]).to_pylist()[0]
    assert row == {"city": "Zürich", "day": dt.datetime(2021, 2, 3), "age": 40, "note": "007"}  # noqa: DTZ001 - as in the file


def test_a_value_that_is_none_of_the_models_type_is_told(
    given: pa.Table, tmp_path: Path, flat_dir: Path
) -> None:
    """With the file, the column, the type and the value."""
    in_directory(tmp_path, "age=old", given.drop_columns(["age"]))
    with pytest.raises(
        DataFileError, match=r"a\.parquet: columns\.age must be integer \(int64\) .* got 'old'"
    ):
        plan_step(config_of(tmp_path, flat_dir, operations=MADE))


def test_directories_above_the_input_are_somebody_elses(
    given: pa.Table, tmp_path: Path, flat_dir: Path
) -> None:
    """An orchestrator's `run=7` is no column; below the input, and in a glob, it is one that is told."""
    place = in_directory(tmp_path, "run=7/rows", given)
    assert plan_step(config_of(tmp_path, flat_dir, operations=MADE, input=str(place))).plan.rows == 1_365
    for named in (str(tmp_path / "in"), str(tmp_path / "in" / "run=*" / "rows" / "*.parquet")):
        with pytest.raises(RecordsError, match=r"columns\.run must be in the schema"):
            plan_step(config_of(tmp_path, flat_dir, operations=MADE, input=named))
        plan_step(config_of(tmp_path, flat_dir, operations=MADE, input=named, drop="run"))


def test_a_column_that_the_model_knows_is_one_above_the_input_too(
    given: pa.Table, tmp_path: Path, flat_dir: Path
) -> None:
    """One partition of a table is a whole input."""
    place = in_directory(tmp_path, "city=Bern", given.drop_columns(["city"]))
    run_step(config_of(tmp_path, flat_dir, operations=MADE, input=str(place)))
    assert set(rows_of(tmp_path / "out").slice(0, 1_300)["city"].to_pylist()) == {"Bern"}


def test_a_file_must_not_say_otherwise_than_its_directory(
    given: pa.Table, tmp_path: Path, flat_dir: Path
) -> None:
    """The first row that differs is named; the same value twice is fine."""
    bern = given.filter(pc.equal(given["city"], "Bern"))
    in_directory(tmp_path, "city=Bern", bern)
    assert plan_step(config_of(tmp_path, flat_dir, operations=MADE)).plan.parts.real_rows == bern.num_rows
    other = given.filter(pc.equal(given["city"], "Zürich")).slice(0, 1)
    in_directory(tmp_path, "city=Genève", pa.concat_tables([other]))
    told = r"a\.parquet: columns\.city\.rows\[0\] must be 'Genève' as the file's directory says, got 'Zürich'"
    with pytest.raises(DataFileError, match=told):
        plan_step(config_of(tmp_path, flat_dir, operations=MADE))
