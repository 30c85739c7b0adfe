"""Who reads the progress may go away: the work goes on."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow.csv as pa_csv

from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path


def test_a_training_goes_on_where_nobody_reads_its_progress(tmp_path: Path) -> None:
    """As `augment train ... 2>&1 | tee log` does when `tee` ends: hours of it would be lost."""
    pa_csv.write_csv(every_kind(60, 1).select(["age", "city", "class"]), tmp_path / "data.csv")
    command = ["train", "data.csv", "--name", "quiet", "--models", "vae", "--epochs", "2", "--no-judge"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "augment.cli", *command],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as training:
        assert training.stderr is not None
        training.stderr.close()
        assert training.wait(120) == 0
    assert (tmp_path / "models" / "quiet" / "1" / "manifest.json").exists()
