"""CSV and Arrow are read in pieces: the same rows, however they are asked for, in constant memory."""

from __future__ import annotations

import gzip
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from augment.data import conform, read_table, write_table
from augment.errors import AugmentError, DataFileError, RecordsError, RequestError
from augment.scale.inputs import Reader, find_inputs
from augment.scale.run import plan_step, run_step
from tests.scale.steps import config_of, given_rows, rows_of
from tests.server.running import environment

if TYPE_CHECKING:
    from pathlib import Path

    from augment.data import Schema
    from augment.runtime import Model

FORMS = ["csv", "csv.gz", "arrow", "arrow stream"]
IMPUTED = ({"do": "impute"},)


@pytest.fixture
def schema(flat_model: Model) -> Schema:
    """The model's columns."""
    return flat_model.manifest.record_schema


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of some dozen rows instead of some ten thousand."""
    monkeypatch.setattr("augment.data.csv_text._PIECE_BYTES", 5_000)


def written(table: pa.Table, directory: Path, form: str, schema: Schema) -> Path:
    """Write a table in a form; returns the file."""
    directory.mkdir(parents=True, exist_ok=True)
    if form.startswith("arrow"):
        file = directory / "a.arrow"
        open_writer = ipc.new_file if form == "arrow" else ipc.new_stream
        with open_writer(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=70)
        return file
    file = directory / "a.csv"
    write_table(table, file, schema)
    if form == "csv.gz":
        file.with_name("a.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return directory / f"a.{form}"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("small_pieces")
def test_rows_are_the_same_in_any_order(form: str, given: pa.Table, tmp_path: Path, schema: Schema) -> None:
    """Forwards, over a gap, backwards, all at once: those of the whole file, as it was always read."""
    path = written(given, tmp_path, form, schema)
    whole = conform(read_table(path, schema=schema), schema, partial=True)
    reader = Reader(schema, ())
    (file,) = find_inputs([str(path)], reader)
    assert file.rows == 1_300
    for start, rows in ((0, 16), (0, 100), (100, 300), (900, 400), (50, 7), (0, 1_300), (1_299, 1)):
        read = conform(reader.read(file, start, rows), schema, partial=True)
        assert read.equals(whole.slice(start, rows)), (start, rows)
    with pytest.raises(DataFileError, match="must have its 1300 rows"):
        reader.read(file, 1_290, 20)


@pytest.mark.parametrize("form", FORMS)
def test_memory_does_not_grow_with_the_file(form: str, tmp_path: Path, schema: Schema) -> None:
    """Arrow takes less for a walk through a file than the file's rows take at once."""
    table = given_rows(40_000)
    path = written(table, tmp_path, form.removesuffix(".gz"), schema)
    if form.startswith("csv"):
        head, body = path.read_bytes().split(b"\n", 1)
        path.write_bytes(head + b"\n" + body * 12)
        if form == "csv.gz":
            data = gzip.compress(path.read_bytes(), 1)
            path = path.with_name("a.csv.gz")
            path.write_bytes(data)
    else:
        written(pa.concat_tables([table] * 12), tmp_path, form, schema)
    code = f"""
import sys
import pyarrow as pa
from augment.data import Schema
from augment.scale.inputs import Reader, find_inputs
reader = Reader(Schema.model_validate_json(sys.argv[1]), ())
(file,) = find_inputs([{str(path)!r}], reader)
for start in range(0, file.rows, 8_192):
    reader.read(file, start, min(8_192, file.rows - start))
print(file.rows, pa.default_memory_pool().max_memory())
"""
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code, schema.model_dump_json()],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    rows, peak = map(int, done.stdout.split())
    assert rows == 480_000
    assert peak < 50 * 2**20 < 12 * table.nbytes


@pytest.mark.usefixtures("small_pieces")
def test_a_cell_of_a_later_piece_is_told_by_its_row(
    given: pa.Table, tmp_path: Path, flat_dir: Path, schema: Schema
) -> None:
    """Before any work, with file, column, row, what was wanted and what found; a ragged row likewise."""
    path = written(given, tmp_path / "in", "csv", schema)
    lines = path.read_text().splitlines()
    place = lines[0].split(",").index("age")
    cells = lines[901].split(",")
    cells[place] = "old"
    path.write_text("\n".join([*lines[:901], ",".join(cells), *lines[902:]]) + "\n")
    told = r"a\.csv: columns\.age\.rows\[900\] must be integer \(int64\) as the schema declares, got 'old'"
    with pytest.raises(DataFileError, match=told):
        plan_step(config_of(tmp_path, flat_dir, operations=IMPUTED))
    path.write_text("\n".join([*lines[:901], "1,2,3", *lines[901:]]) + "\n")
    with pytest.raises(DataFileError, match=r"a\.csv: rows\[900\] must have \d+ cells .* got 3 cells"):
        plan_step(config_of(tmp_path, flat_dir, operations=IMPUTED))


@pytest.mark.parametrize("form", ["csv.gz", "arrow", "arrow stream"])
def test_a_file_that_was_cut_short_is_told_before_any_work(
    form: str, given: pa.Table, tmp_path: Path, flat_dir: Path, schema: Schema
) -> None:
    """With its name and what to do."""
    path = written(given, tmp_path / "in", form, schema)
    path.write_bytes(path.read_bytes()[:-3_000])
    with pytest.raises(DataFileError, match=rf"{path.name}: file must be (whole Arrow|readable as CSV)"):
        run_step(config_of(tmp_path, flat_dir, operations=IMPUTED))
    assert not (tmp_path / "out").exists()


def test_a_dropped_column_is_not_read(
    given: pa.Table, tmp_path: Path, flat_dir: Path, schema: Schema
) -> None:
    """Whatever its cells hold, in CSV, and however often it is there, in Arrow; what is left out is named."""
    junk = pa.array(["1"] * 1_299 + ["one"])
    path = written(given, tmp_path / "in", "csv", schema)
    lines = path.read_text().splitlines()
    ends = ["junk", *junk.to_pylist()]
    path.write_text("".join(f"{line},{end}\n" for line, end in zip(lines, ends, strict=True)))
    dropped = config_of(tmp_path, flat_dir, operations=IMPUTED, drop="junk")
    assert run_step(dropped).rows == 1_300
    with pytest.raises(RecordsError, match=r"a\.csv: columns\.junk must be in the schema"):
        plan_step(config_of(tmp_path, flat_dir, operations=IMPUTED))
    with pytest.raises(RequestError, match=r"drop must name columns of the input.*Did you mean 'junk'"):
        plan_step(config_of(tmp_path, flat_dir, operations=IMPUTED, drop=["junkk", "junk"]))
    path.unlink()
    twice = pa.Table.from_arrays([*given.columns, junk, junk], [*given.column_names, "junk", "junk"])
    written(twice, tmp_path / "in", "arrow", schema)
    elsewhere = {"output": str(tmp_path / "elsewhere")}
    assert plan_step(dropped.model_copy(update=elsewhere)).plan.rows == 1_300
    with pytest.raises(DataFileError, match=r"a\.arrow: columns\.junk must be there once, got 2 times"):
        plan_step(config_of(tmp_path, flat_dir, operations=IMPUTED, **elsewhere))


@pytest.mark.usefixtures("small_pieces")
def test_a_row_larger_than_a_piece_is_read(given: pa.Table, tmp_path: Path, schema: Schema) -> None:
    """Free text may be long: from there on, pieces are larger."""
    notes = given["note"].to_pylist()
    notes[700] = "long " * 5_000
    table = given.set_column(given.column_names.index("note"), "note", [notes])
    path = written(table, tmp_path, "csv", schema)
    reader = Reader(schema, ())
    (file,) = find_inputs([str(path)], reader)
    assert reader.read(file, 690, 20)["note"].to_pylist() == [note.strip() for note in notes[690:710]]
    assert reader.read(file, 0, 1_300)["key"].to_pylist() == given["key"].to_pylist()


def test_files_without_rows_are_passed_over(
    given: pa.Table, tmp_path: Path, flat_dir: Path, schema: Schema
) -> None:
    """A header alone is as empty as a Parquet file without rows; nothing else is an error."""
    path = written(given, tmp_path / "in", "csv", schema)
    (tmp_path / "in" / "b.csv").write_text(path.read_text().splitlines()[0] + "\n")
    written(given.slice(0, 0), tmp_path / "in", "arrow", schema)
    assert len(plan_step(config_of(tmp_path, flat_dir, operations=IMPUTED)).plan.parts.files) == 1
    path.unlink()
    with pytest.raises(DataFileError, match="input must have at least one row"):
        plan_step(config_of(tmp_path, flat_dir, operations=IMPUTED))


def test_text_is_passed_on_as_text_where_files_differ(
    given: pa.Table, tmp_path: Path, flat_dir: Path
) -> None:
    """Missing throughout, numbers, other strings: one column of text; a list beside text is an error."""
    (tmp_path / "in").mkdir()
    place = given.column_names.index("note")
    notes = {
        "a": pa.nulls(10),
        "b": pa.array(range(10)),
        "c": pa.array(["word"] * 10, pa.string_view()).cast(pa.string()).dictionary_encode(),
        "d": pa.array(["word"] * 10),
    }
    for name, note in notes.items():
        table = given.slice(0, 10).set_column(place, "note", note)
        pq.write_table(table, tmp_path / "in" / f"{name}.parquet")
    run_step(config_of(tmp_path, flat_dir, operations=IMPUTED))
    cells = rows_of(tmp_path / "out")["note"]
    assert cells.type == pa.string()
    assert cells.to_pylist() == [None] * 10 + [str(number) for number in range(10)] + ["word"] * 20
    table = given.slice(0, 10).set_column(place, "note", pa.array([[1]] * 10))
    pq.write_table(table, tmp_path / "in" / "e.parquet")
    with pytest.raises(
        AugmentError, match=r"e\.parquet: columns\.note must be string, as in the files before"
    ):
        plan_step(config_of(tmp_path, flat_dir, operations=IMPUTED))
