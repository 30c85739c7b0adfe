from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from augment.errors import (
    AugmentError,
    ColumnNotFoundError,
    DataFileError,
    ModelNotFoundError,
    PublishError,
    RecordsError,
    RequestError,
)
from augment.scale.config import load_step
from augment.scale.run import plan_step, run_step
from tests.cli.running import augment
from tests.scale.steps import config_of, given_rows, parts_of
from tests.server.running import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server.running import ServerThread

SCORED = ({"do": "score"},)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _rewrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _with(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def _retyped(name: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(
        table.column_names.index(name), name, table[name].cast(kind, safe=False)
    )


BROKEN: dict[str, tuple[Callable[[Path], None], type[AugmentError], str]] = {
    "a column of another type": (
        lambda path: _with(path, _retyped("age", pa.string())),
        RecordsError,
        r"1\.parquet: columns\.age must be integer \(int64\), got string",
    ),
    "mixed types across files": (
        lambda path: _with(path, _retyped("since", pa.int64())),
        RecordsError,
        r"1\.parquet: columns\.since must be datetime .*, got int64",
    ),
    "a column too many": (
        lambda path: _with(path, lambda table: table.append_column("more", table["age"])),
        RecordsError,
        r"1\.parquet: columns\.more must be in every file or in none, and .*0\.parquet has it not",
    ),
    "a column that is not there": (
        lambda path: _with(path, lambda table: table.drop_columns(["age"])),
        ColumnNotFoundError,
        r"1\.parquet: no column 'age'",
    ),
    "cut short": (_cut, DataFileError, r"1\.parquet: file must be whole Parquet.*write it again"),
    "no file of Parquet": (
        lambda path: _rewrite(path, b"age,class\n1,2\n"),
        DataFileError,
        r"1\.parquet: file must be whole Parquet",
    ),
    "no file at all": (
        lambda path: _rewrite(path, b""),
        DataFileError,
        r"1\.parquet: file must be whole Parquet",
    ),
}


@pytest.mark.parametrize(("spoil", "kind", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_before_any_work(
    spoil: Callable[[Path], None], kind: type[AugmentError], told: str, root: Path, flat_dir: Path
) -> None:
    """Column, what was expected and what was found, and the file; nothing is written."""
    spoil(root / "in" / "1.parquet")
    with pytest.raises(kind, match=told):
        run_step(config_of(root, flat_dir, operations=SCORED))
    assert not (root / "out").exists()


def test_a_column_that_no_model_knows_is_dropped_where_asked(root: Path, flat_dir: Path) -> None:
    """`drop` leaves columns out; without it they are an error that says so."""
    for path in (root / "in").iterdir():
        _with(path, lambda table: table.append_column("more", table["age"]))
    with pytest.raises(RecordsError, match=r"columns\.more must be in the schema"):
        run_step(config_of(root, flat_dir, operations=SCORED))
    run_step(config_of(root, flat_dir, operations=({"do": "impute"}, *SCORED), drop=["more"]))


def test_the_output_of_a_step_is_no_input_unless_its_columns_are_dropped(root: Path, flat_dir: Path) -> None:
    """Where rows are from is said once; what to do is told."""
    run_step(config_of(root, flat_dir, operations=({"do": "impute"},)))
    again = {"input": str(root / "out"), "output": str(root / "again"), "operations": SCORED}
    told = r"_synthetic must not be in the input.*drop: \[_synthetic, _model, _seed, _row\]"
    with pytest.raises(RecordsError, match=told):
        run_step(config_of(root, flat_dir, **again))
    drop = ["_synthetic", "_model", "_seed", "_row"]
    assert run_step(config_of(root, flat_dir, **again, drop=drop)).rows == 1_300


def test_a_cell_deep_inside_is_named_by_its_row_in_its_file(root: Path, flat_dir: Path) -> None:
    """What no first look finds is told with the file's own row number; made parts are kept."""
    path = root / "in" / "1.parquet"

    def spoilt(table: pa.Table) -> pa.Table:
        age = table["age"].cast(pa.float64()).to_pylist()
        age[555] = 1.5
        return table.set_column(table.column_names.index("age"), "age", pa.array(age))

    _with(path, spoilt)
    told = r"1\.parquet: columns\.age\.rows\[555\] must fit int64, got 1\.5"
    with pytest.raises(AugmentError, match=told):
        run_step(config_of(root, flat_dir, operations=({"do": "impute"},)))


@pytest.mark.parametrize("engine", ["local", "server"])
def test_a_missing_cell_that_no_operation_fills_in_is_named(
    engine: str, root: Path, flat_dir: Path, flat_server: ServerThread
) -> None:
    """Scored as they are, rows must be whole where the model's are: file and row are told by each engine."""

    def spoilt(table: pa.Table) -> pa.Table:
        age = table["age"].to_pylist()
        age[555] = None
        return table.set_column(table.column_names.index("age"), "age", pa.array(age, pa.int64()))

    _with(root / "in" / "1.parquet", spoilt)
    through = {"engine": "server", "server": flat_server.target} if engine == "server" else {}
    told = r"1\.parquet: columns\.age\.rows\[555\] must be there: the column is not nullable"
    with pytest.raises(AugmentError, match=told):
        run_step(config_of(root, flat_dir, operations=SCORED, **through))


@pytest.mark.parametrize("there", ["nothing", "a directory without data", "files without rows"])
def test_an_empty_input_is_an_error(there: str, root: Path, flat_dir: Path) -> None:
    """No file, or no row in any."""
    place = root / "empty"
    if there != "nothing":
        place.mkdir()
    if there == "files without rows":
        pq.write_table(given_rows(10).slice(0, 0), place / "a.parquet")
    with pytest.raises(DataFileError, match=r"must have at least one row|nothing there"):
        run_step(config_of(root, flat_dir, input=str(place)))


def test_an_output_that_holds_something_else_is_refused(root: Path, flat_dir: Path) -> None:
    """Not even with `overwrite`: what no step wrote is never touched."""
    (root / "out").mkdir()
    (root / "out" / "thesis.docx").write_text("years of work")
    for overwrite in (False, True):
        told = r"output must hold a step's output or nothing, got 'thesis\.docx'"
        with pytest.raises(RequestError, match=told):
            run_step(config_of(root, flat_dir), overwrite=overwrite)
    assert [file.name for file in (root / "out").iterdir()] == ["thesis.docx"]


def test_an_output_within_the_input_is_refused(root: Path, flat_dir: Path) -> None:
    """The second run would read what the first wrote."""
    with pytest.raises(RequestError, match="output must lie outside of the input"):
        run_step(config_of(root, flat_dir, output=str(root / "in" / "out")))


def test_a_bundle_that_is_not_there_is_named(root: Path, flat_dir: Path) -> None:
    """With the models that there are."""
    with pytest.raises(ModelNotFoundError, match="no model 'flatt'; there is: flat"):
        run_step(config_of(root, flat_dir, model="flatt"))


def test_a_full_disk_ends_a_run_and_the_next_goes_on(root: Path, flat_dir: Path, full_disk: Path) -> None:
    """A disk that is really full: the error says what to do, and what is made is kept."""
    operations = ({"do": "augment", "rows": 8_000},)
    config = config_of(root, flat_dir, operations=operations, output=str(full_disk / "out"))
    with pytest.raises(PublishError, match=r"No space left on device\. Free space .* made so far is kept"):
        run_step(config)
    made = parts_of(full_disk / "out")
    assert made
    assert not [file for file in (full_disk / "out").iterdir() if file.name.startswith(".tmp")]
    subprocess.run(["mount", "-o", "remount,size=8m", str(full_disk)], check=True)  # noqa: S603, S607
    assert run_step(config).made == 18 - len(made)


def test_a_missing_right_is_named(root: Path) -> None:
    """Without the right to write there, the error names the place and the remedy."""
    (root / "closed").mkdir(mode=0o555)
    code = (
        "import os, sys; from pathlib import Path; from augment.scale.stores import LocalStore\n"
        "os.getuid() == 0 and (os.setgid(65534), os.setuid(65534))\n"
        "with LocalStore(Path(sys.argv[1])).held(): pass"
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code, str(root / "closed" / "out")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "PublishError: output " in done.stderr
    assert "closed/out: Permission denied. Give this user the right to write there" in done.stderr


CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown setting": ({"inputt": "x"}, "inputt must be the name of a setting.*Did you mean 'input'"),
    "an unknown operation": (
        {"operations": [{"do": "augmnt"}]},
        r"operations\[0\]\.do must be one of denoise, .*Did you mean 'augment'",
    ),
    "an unknown setting of an operation": (
        {"operations": [{"do": "augment", "row": 5}]},
        r"operations\[0\]\.augment\.row must be the name of a setting, .*Did you mean 'rows'",
    ),
    "no operations": ({"operations": []}, "operations must not be empty"),
    "no model": ({"model": None}, "model must be a valid string"),
    "rows and factor": (
        {"operations": [{"do": "augment", "rows": 5, "factor": 2}]},
        "must say rows or factor, not both",
    ),
    "a name to drop that is none": ({"drop": 5}, "drop must be"),
    "no server": ({"engine": "server"}, "server must be given with engine: server"),
    "a gate without an input": ({"input": None, "max_drift": 0.1}, "max_drift must be given with an input"),
    "no rows to begin with": (
        {"input": None, "operations": [{"do": "score"}]},
        "operations must begin with augment",
    ),
}


@pytest.mark.parametrize(("change", "told"), CONFIGS.values(), ids=CONFIGS)
def test_a_broken_configuration_is_told(
    change: dict[str, Any], told: str, root: Path, flat_dir: Path
) -> None:
    """File, setting, rule, value, and what may have been meant."""
    usual = config_of(root, flat_dir, operations=[{"do": "augment", "rows": 5_000}]).model_dump(mode="json")
    file = _step_file(root, usual | change)
    with pytest.raises(RequestError, match=told) as caught:
        load_step(file)
    assert caught.value.context == str(file)


def test_impossible_operations_are_told_before_any_work(root: Path, flat_dir: Path) -> None:
    """Fewer rows than there are, a class that is none, a sampler that is none."""
    for operation, told in (
        ({"rows": 5}, r"operations\[0\]\.rows must be at least the 1300 rows there are before it, got 5"),
        ({"rows": 2_000, "conditions": ["age > 300"]}, "age"),
        ({"rows": 2_000, "sampler": "magic"}, "sampler must be one of"),
        ({"balance": "income"}, "balance must name a column of at most 50 values"),
        ({"balance": "colour"}, "no column 'colour'"),
    ):
        with pytest.raises(AugmentError, match=told):
            plan_step(config_of(root, flat_dir, operations=[{"do": "augment", **operation}]))
    assert not (root / "out").exists()


def test_exit_codes_are_those_that_help_tells(root: Path, flat_dir: Path) -> None:
    """0 done and nothing to do, 2 bad input; the plan writes nothing."""
    file = _step_file(root, config_of(root, flat_dir).model_dump(mode="json"))
    planned = augment("step", file, "--dry-run")
    assert planned.code == 0
    assert "0 of 6 parts are there" in " ".join(planned.out.split())
    assert not (root / "out").exists()
    first, second = augment("step", file), augment("step", file)
    assert (first.code, second.code) == (0, 0)
    assert "1,300 given rows, 700 to make, in 6 parts" in first.err
    assert "wrote 6 of 6 parts" in first.out
    assert "nothing to do" in second.out
    assert augment("step", root / "none.yaml").code == 2
    assert "3 a figure is beyond" in " ".join(augment("step", "--help").out.split())


def _step_file(root: Path, settings: dict[str, Any]) -> Path:
    file = root / "step.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; skipped where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    mounted = subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed words
    if mounted.returncode:
        pytest.skip("no right to mount a small file system here")
    yield disk
    os.sync()
    subprocess.run(["umount", str(disk)], check=True)  # noqa: S603, S607 - fixed words
