"""Losses for people who look at them elsewhere: TensorBoard and MLflow, each an extra of its own."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from augment.errors import RequestError
from augment.training.progress import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from augment.training.config import TrainConfig
    from augment.training.progress import Progress

__all__ = ["MlflowTracker", "TensorBoardTracker", "Together"]

_RUN_FILE = "mlflow_run_id"
_EXPERIMENT = "augment"
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def figures(progress: Progress) -> Iterator[tuple[str, float]]:
    """Yield an epoch's figures by name, e.g. `vae/heldout_loss`, `vae/parts/divergence`."""
    for name in ("train_loss", "heldout_loss", "learning_rate", "rows_per_s"):
        yield f"{progress.model}/{name}", float(getattr(progress, name))
    for part, value in progress.parts.items():
        yield f"{progress.model}/parts/{part.replace(' ', '_')}", value


class Together(Watcher):
    """Passes on what it hears to several; any of them may stop the training."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def on_epoch(self, progress: Progress) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.on_epoch(progress)

    def on_restored(self, history: Sequence[Progress]) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.on_restored(history)

    def on_stage(self, stage: str) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.on_stage(stage)

    def on_run(self, directory: Path) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.on_run(directory)

    def on_trained(self, model: str) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.on_trained(model)

    def wants_stop(self) -> bool:
        """Ask all of them: each must know that it was asked."""
        answers = [watcher.wants_stop() for watcher in self._watchers]
        return any(answers)


class TensorBoardTracker(Watcher):
    """Writes losses by step to a directory that TensorBoard shows; each run under its own name.

    Raises:
        ModuleNotFoundError: The extra `tensorboard` is not installed.
    """

    def __init__(self, directory: Path, name: str) -> None:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra

        self._make: Any = SummaryWriter
        self._writer: Any = None
        self._directory = directory
        self._name = name

    def on_run(self, directory: Path) -> None:
        """Write under the run's own name, also when it is taken up again."""
        self._writer = self._make(log_dir=str(self._directory / self._name / directory.name))

    def on_epoch(self, progress: Progress) -> None:
        """Write an epoch; it is on the disk before the next."""
        if self._writer is None:
            return
        for name, value in figures(progress):
            self._writer.add_scalar(name, value, progress.step)
        self._writer.flush()


class MlflowTracker(Watcher):
    """Logs settings and losses to an MLflow server or store; a run that is taken up again keeps its id.

    Raises:
        ModuleNotFoundError: The extra `mlflow` is not installed.
        RequestError: MLflow refuses the address.
    """

    def __init__(self, uri: str, name: str, config: TrainConfig) -> None:
        os.environ.setdefault(_RETRIES, "2")  # a server that is not there is told in seconds, not minutes
        from mlflow import MlflowClient, MlflowException  # noqa: PLC0415 - an extra

        try:
            self._client: Any = MlflowClient(tracking_uri=uri)
            self._client.get_experiment_by_name(_EXPERIMENT)
        except MlflowException as exc:
            remedy = "Give the address of a running server, e.g. http://localhost:5000; see docs/training.md"
            raise RequestError.of("mlflow", f"must be reachable: {exc}", uri, remedy) from exc
        self._name = name
        self._config = config
        self._run: str | None = None

    def on_run(self, directory: Path) -> None:
        """Find the run's MLflow run, or begin one."""
        file = directory / _RUN_FILE
        if file.exists():
            self._run = file.read_text(encoding="utf-8").strip()
            return
        self._run = self._begin(directory)
        file.write_text(self._run, encoding="utf-8")

    def on_epoch(self, progress: Progress) -> None:
        """Log an epoch."""
        if self._run is None:
            return
        for name, value in figures(progress):
            self._client.log_metric(self._run, name, value, int(time.time() * 1000), progress.step)

    def finish(self, status: str) -> None:
        """End the run: `FINISHED`, `KILLED` or `FAILED`."""
        if self._run is not None:
            self._client.set_terminated(self._run, status)

    def _begin(self, directory: Path) -> str:
        found = self._client.get_experiment_by_name(_EXPERIMENT)
        experiment = found.experiment_id if found else self._client.create_experiment(_EXPERIMENT)
        run = self._client.create_run(experiment, run_name=f"{self._name}/{directory.name}").info.run_id
        for key, value in _flat("", self._config.model_dump(mode="json")):
            self._client.log_param(run, key, value)
        return str(run)


def _flat(prefix: str, settings: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value
