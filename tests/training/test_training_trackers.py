"""Losses in TensorBoard and MLflow, where these are installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from augment.training import Progress, TrainConfig, Watcher
from augment.training.trackers import MlflowTracker, TensorBoardTracker, Together

if TYPE_CHECKING:
    from collections.abc import Sequence


def epoch(number: int) -> Progress:
    """Return an epoch."""
    return Progress(
        model="vae",
        epoch=number,
        epochs=3,
        step=number * 5,
        steps=15,
        train_loss=9.0 / number,
        parts={"worst column": 1.5},
        heldout_loss=8.0,
        best=True,
        learning_rate=1e-3,
        rows_per_s=9.0,
        seconds_left=1.0,
    )


def test_tensorboard_shows_losses_by_step(tmp_path: Path) -> None:
    """Each figure is there for each epoch, under the run's name."""
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tracker = TensorBoardTracker(tmp_path / "board", "adult")
    tracker.on_run(tmp_path / "runs" / "adult" / "20260101")
    for number in (1, 2, 3):
        tracker.on_epoch(epoch(number))
    found: Any = loading.EventAccumulator(str(tmp_path / "board" / "adult" / "20260101"))
    found.Reload()
    assert [(one.step, round(one.value, 3)) for one in found.Scalars("vae/train_loss")] == [
        (5, 9.0),
        (10, 4.5),
        (15, 3.0),
    ]
    assert "vae/parts/worst_column" in found.Tags()["scalars"]


def test_mlflow_has_settings_and_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is taken up again goes on in the same MLflow run, which has settings and an end."""
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "store").as_uri()
    (tmp_path / "run").mkdir()
    for number in (1, 2):
        tracker = MlflowTracker(uri, "adult", TrainConfig(seed=7))
        tracker.on_run(tmp_path / "run")
        tracker.on_epoch(epoch(number))
    tracker.finish("FINISHED")
    client = mlflow.MlflowClient(tracking_uri=uri)
    (experiment,) = [one for one in client.search_experiments() if one.name == "augment"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert (run.data.params["seed"], run.data.params["vae.beta"]) == ("7", "0.25")
    assert [one.step for one in client.get_metric_history(run.info.run_id, "vae/heldout_loss")] == [5, 10]


class Loud(Watcher):
    """Notes what it hears."""

    def __init__(self, *, stop: bool) -> None:
        self.heard: list[str] = []
        self.stop = stop

    def on_epoch(self, progress: Progress) -> None:
        """Note it."""
        self.heard.append(f"epoch {progress.epoch}")

    def on_restored(self, history: Sequence[Progress]) -> None:
        """Note it."""
        self.heard.append(f"restored {len(history)}")

    def on_stage(self, stage: str) -> None:
        """Note it."""
        self.heard.append(stage)

    def on_run(self, directory: Path) -> None:
        """Note it."""
        self.heard.append(directory.name)

    def wants_stop(self) -> bool:
        """Note it."""
        self.heard.append("stop?")
        return self.stop


def test_several_watchers_hear_the_same() -> None:
    """All hear all, and each is asked; one that wants to stop is enough."""
    quiet, eager = Loud(stop=False), Loud(stop=True)
    both = Together(eager, quiet)
    both.on_run(Path("runs/x"))
    both.on_stage("training")
    both.on_restored([epoch(1)])
    both.on_epoch(epoch(2))
    assert both.wants_stop()
    assert quiet.heard == eager.heard == ["x", "training", "restored 1", "epoch 2", "stop?"]
    assert not Together(quiet).wants_stop()
