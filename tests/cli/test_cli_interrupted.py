"""Ctrl-C and SIGTERM end training well, a second one at once, and the same command goes on."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from augment.bundle import open_bundle
from augment.data import write_table
from tests.cli.running import augment_process
from tests.cli.test_cli_walk import start

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    import pyarrow as pa

CONFIG = "models: [vae]\nvae: {hidden: 8, layers: 1, prior: normal}\nbatch_size: 16\n"


@pytest.fixture(scope="module")
def small_csv(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two columns: the more columns, the longer the export."""
    path = tmp_path_factory.mktemp("small") / "small.csv"
    write_table(table.select(["income", "class"]), path)
    return path


def train(path: Path, data: Path, *more: object) -> tuple[object, ...]:
    """Return the arguments of a small training run."""
    (path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    return ("train", data, "--name", "cut", "--config", "c.yaml", "--device", "cpu", "--no-judge", *more)


def until(process: subprocess.Popen[str], words: str) -> None:
    """Read the process's messages up to one that has these words."""
    assert process.stderr is not None
    assert any(words in line for line in process.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_training_exports_the_best_so_far(
    tmp_path: Path, small_csv: Path, sent: signal.Signals
) -> None:
    """The bundle says that it was interrupted; the code is the shell's for the signal."""
    process = start(*train(tmp_path, small_csv, "--epochs", 100_000), cwd=tmp_path)
    try:
        until(process, "epoch 1/")
        process.send_signal(sent)
        rest = process.communicate(timeout=120)[1]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 128 + sent
    assert "the best so far" in rest
    assert "Traceback" not in rest
    report = open_bundle(tmp_path / "models" / "cut" / "1").manifest.training.models["vae"]
    assert report.stopped == "interrupted"
    assert 1 <= report.best_epoch <= report.epochs < 100_000


@pytest.mark.slow
def test_the_second_signal_ends_at_once_and_the_same_command_goes_on(tmp_path: Path, small_csv: Path) -> None:
    """Nothing half-written is left; later the run goes on in its directory, with all its epochs."""
    arguments = train(tmp_path, small_csv, "--epochs", 60)
    process = start(*arguments, cwd=tmp_path)
    try:
        until(process, "epoch 1/")
        process.send_signal(signal.SIGINT)
        until(process, "stopping")
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert not list((tmp_path / "models").glob("*/[0-9]*"))
    ran = augment_process(*arguments, cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "going on with the run in runs/cut/" in ran.err
    (run,) = (tmp_path / "runs" / "cut").iterdir()
    epochs = [line.split(",")[1] for line in (run / "loss.csv").read_text().splitlines()[1:]]
    assert epochs == [str(number) for number in range(1, len(epochs) + 1)]
    assert not (run / "checkpoints").exists()


@pytest.mark.slow
def test_resume_never_begins_anew(tmp_path: Path, small_csv: Path) -> None:
    """--run-dir of another unfinished run is refused with what differs; --resume never takes it over."""
    process = start(*train(tmp_path, small_csv, "--epochs", 100_000, "--run-dir", "run"), cwd=tmp_path)
    try:
        until(process, "epoch 1/")
    finally:
        process.kill()
        process.communicate()
    again = train(tmp_path, small_csv, "--epochs", 2, "--run-dir", "run")
    ran = augment_process(*again, cwd=tmp_path)
    assert ran.code == 2
    assert "epochs was 100000 and is 2" in ran.err
    assert "--resume never" in ran.err
    ran = augment_process(*again, "--resume", "never", cwd=tmp_path)
    assert ran.code == 0, ran.err
