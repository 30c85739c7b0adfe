"""Laws of `augment train` on Parquet that is read from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from augment.bundle import open_bundle
from augment.cli.training import opened_training_data
from augment.data import LargeTable
from augment.errors import RequestError
from tests.cli.running import augment
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of two parts."""
    folder = tmp_path_factory.mktemp("streaming") / "parts"
    folder.mkdir()
    table = every_kind(200).drop_columns(["image"])
    pq.write_table(table[:120], folder / "a.parquet", row_group_size=50)
    pq.write_table(table[120:], folder / "b.parquet")
    return folder


@pytest.mark.slow
def test_a_directory_is_trained_on_from_disk(parts: Path, tmp_path: Path) -> None:
    """The command publishes a bundle of all parts' rows, judged, and leaves no encoded records behind."""
    runs = tmp_path / "run"
    ran = augment(
        "train", parts, "--name", "big", "--stream", "--models", "maker", "--max-steps", 10,
        "--out", tmp_path / "models", "--run-dir", runs, "--target", "class", "--device", "cpu",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    manifest = open_bundle(tmp_path / "models" / "big" / "1").manifest
    assert manifest.training.rows == 200
    assert not list(runs.glob("encoded-*"))
    assert (runs / "loss.csv").exists()


def test_memory_decides_where_nothing_is_said(
    parts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is plenty the table is read whole; where there is little it is told, unless forbidden."""
    assert opened_training_data(parts, stream=None, seed=0) is None
    monkeypatch.setattr("augment.cli.training.available_memory", lambda: 100_000)
    assert isinstance(opened_training_data(parts, stream=None, seed=0), LargeTable)
    said = " ".join(capsys.readouterr().err.split())
    assert "200 rows would take about 0.0 GiB" in said
    assert "--no-stream" in said
    assert opened_training_data(parts, stream=False, seed=0) is None


def test_streaming_is_for_parquet(flat_csv: Path, tmp_path: Path) -> None:
    """A CSV file is refused with what to do, and read whole where nothing is said."""
    with pytest.raises(RequestError, match=r"--stream must be left out where the data are no Parquet.*Write"):
        opened_training_data(flat_csv, stream=True, seed=0)
    assert opened_training_data(flat_csv, stream=None, seed=0) is None
    ran = augment("train", tmp_path / "none.parquet", "--name", "x", "--stream")
    assert ran.code == 2
    assert "must exist" in ran.err
    assert opened_training_data(tmp_path / "none.csv", stream=None, seed=0) is None


def test_parts_that_differ_are_told_as_such(tmp_path: Path) -> None:
    """Exit code 2; part, column and remedy."""
    folder = tmp_path / "parts"
    folder.mkdir()
    table = every_kind(50)
    pq.write_table(table, folder / "a.parquet")
    pq.write_table(table.set_column(1, "age", table["income"]), folder / "b.parquet")
    ran = augment("train", folder, "--name", "x", "--stream", "--out", tmp_path / "models")
    assert ran.code == 2
    assert "b.parquet: columns.age must be int64 in every part, as in a.parquet" in " ".join(ran.err.split())
    assert "remedy" in ran.err
