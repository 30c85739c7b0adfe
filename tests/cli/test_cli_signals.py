"""Where a signal comes: before any step it ends all at once, after that what is trained is published."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from augment.bundle import open_bundle
from augment.cli.failures import failure_of
from augment.cli.interrupts import Interruptible, StoppedAtOnce
from augment.data import detect_schema
from augment.training import TrainConfig, Watcher, build_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from augment.training.judged import Judge

TABLE = pa.table({"n": [float(one) for one in range(60)], "c": ["a", "b", "c"] * 20})
SMALL = {
    "epochs": 2,
    "device": "cpu",
    "denoiser": {"hidden": 8, "layers": 1},
    "vae": {"hidden": 8, "layers": 1, "prior": "normal", "latent_dim": 2},
    "autoencoder": {"hidden": [8], "latent_dim": 2},
}


class EnoughError(Exception):
    """What comes now takes long and is not asked for."""


class SignalAt(Watcher):
    """Sends a signal to this process at a stage, and may give up at one."""

    def __init__(self, stage: str, number: signal.Signals, *, enough_at: str = "never") -> None:
        self._stage, self._number, self._enough_at = stage, number, enough_at
        self.heard: list[str] = []

    def on_stage(self, stage: str) -> None:
        """Send it, once."""
        self.heard.append(stage)
        if stage.startswith(self._stage):
            self._stage = "never again"
            signal.raise_signal(self._number)
        if stage.startswith(self._enough_at):
            raise EnoughError


def stopped(at: SignalAt, models: list[str], out: Path, judge: Judge | None = None) -> Path:
    """Train under the guard of the command line; returns the bundle."""
    config = TrainConfig.model_validate({**SMALL, "models": models})
    with Interruptible(at) as watcher:
        path = build_bundle(
            TABLE,
            detect_schema(TABLE),
            config,
            name="x",
            out=out / "models",
            run_dir=out / "run",
            watcher=watcher,
            judge=judge,
        )
    assert watcher.signal is not None
    return path


def test_between_models_what_is_trained_is_published_and_the_rest_goes_on(tmp_path: Path) -> None:
    """The first model alone is in the bundle, as it was trained; the same call goes on with the second."""
    models = ["imputer", "autoencoder"]
    path = stopped(SignalAt("training autoencoder", signal.SIGTERM), models, tmp_path)
    report = open_bundle(path).manifest.training.models
    assert {name: one.stopped for name, one in report.items()} == {"denoiser": "epochs"}
    assert (tmp_path / "run" / "checkpoints").exists()
    again = SignalAt("nowhere", signal.SIGTERM, enough_at="exporting")
    with pytest.raises(EnoughError):
        stopped(again, models, tmp_path)
    assert any("going on with the run" in stage for stage in again.heard)
    assert any(stage.startswith("training autoencoder") for stage in again.heard)


def test_while_exporting_the_whole_is_published(tmp_path: Path) -> None:
    """The export is finished, and so is the run."""
    path = stopped(SignalAt("exporting", signal.SIGINT), ["imputer"], tmp_path)
    assert open_bundle(path).manifest.training.models["denoiser"].stopped == "epochs"
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_while_judging_no_further_sampler_is_judged(tmp_path: Path) -> None:
    """The judge is asked for no figure after the signal, and the export begins."""
    asked = []

    def judge(train: pa.Table, heldout: pa.Table, synthetic: pa.Table) -> dict[str, float]:
        asked.append((train, heldout, synthetic))
        return {}

    at = SignalAt("judging", signal.SIGINT, enough_at="exporting")
    with pytest.raises(EnoughError):
        stopped(at, ["vae"], tmp_path, judge)
    assert asked == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_before_any_step_a_signal_ends_at_once(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """The message says during what, and that nothing is published; the code is the shell's."""
    with pytest.raises(StoppedAtOnce) as told:
        stopped(SignalAt("encoding", number), ["imputer"], tmp_path)
    failure = failure_of(told.value)
    assert failure.code == code
    assert "while encoding 60 rows: no model is trained yet, nothing is published" in failure.message
    assert not list(tmp_path.glob("models/*"))


def test_the_second_signal_ends_at_once_after_a_model_too() -> None:
    """Whatever is under way; the same command goes on."""
    with Interruptible(Watcher()) as watcher:
        watcher.on_trained("vae")
        signal.raise_signal(signal.SIGINT)
        assert watcher.wants_stop()
        with pytest.raises(StoppedAtOnce, match="the same command goes on"):
            signal.raise_signal(signal.SIGINT)
