"""Who reads the progress may go away: the work goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.csv as pa_csv

from tests.records import every_kind


def train(directory: Path, errors: int) -> subprocess.Popen[bytes]:
    """Start a small training."""
    pa_csv.write_csv(every_kind(60, 1).select(["age", "city", "class"]), directory / "data.csv")
    command = ["train", "data.csv", "--name", "quiet", "--models", "vae", "--epochs", "2", "--no-judge"]
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "augment.cli", *command],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )


def test_a_training_goes_on_where_nobody_reads_its_progress(tmp_path: Path) -> None:
    """As `augment train ... 2>&1 | tee log` does when `tee` ends: hours of it would be lost."""
    with train(tmp_path, subprocess.PIPE) as training:
        assert training.stderr is not None
        training.stderr.close()
        assert training.wait(120) == 0
    assert (tmp_path / "models" / "quiet" / "1" / "manifest.json").exists()


def test_a_training_goes_on_where_its_log_has_no_room(tmp_path: Path) -> None:
    """As `augment train ... 2> log` on a disk that is full."""
    with Path("/dev/full").open("wb") as full, train(tmp_path, full.fileno()) as training:
        assert training.wait(120) == 0
    assert (tmp_path / "models" / "quiet" / "1" / "manifest.json").exists()


def test_an_output_that_has_no_room_is_told(models_dir: Path) -> None:
    """As `augment info ... > table.txt` on a disk that is full."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "augment.cli", "info", str(models_dir / "tiny" / "1")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: the disk is full, or the output is")
