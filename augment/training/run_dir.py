"""The run directory: what was asked for, on what machine, and how the losses went."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import torch

from augment.data import save_schema
from augment.errors import PublishError
from augment.training.checkpoints import Checkpoints, write_synced
from augment.training.config import dump_config
from augment.training.curves import plot_losses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from augment.data import Schema
    from augment.training.config import TrainConfig
    from augment.training.progress import Progress

__all__ = ["RunDirectory", "environment"]

_PACKAGES = ("augment-service", "torch", "numpy", "pyarrow", "onnx", "onnxscript", "onnxruntime", "pydantic")
_CHECKPOINTS, _IDENTITY = "checkpoints", "run.json"
_COLUMNS = (
    "model",
    "epoch",
    "step",
    "train_loss",
    "heldout_loss",
    "best",
    "learning_rate",
    "rows_per_s",
    "parts",
)


class RunDirectory:
    """A directory with `config.yaml`, `schema.yaml`, `environment.json`, `loss.csv` and `loss.svg`.

    While the run is not finished there is `checkpoints/` as well; its `run.json` says what the run is of.

    Attributes:
        path: The directory.
        history: The epochs recorded so far.
        checkpoints: Where models' states are kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history: list[Progress] = []
        self.checkpoints = Checkpoints(path / _CHECKPOINTS)
        self.resumed = False
        self._lock: int | None = None

    @property
    def begun_at(self) -> datetime:
        """When the run was begun first."""
        return datetime.fromtimestamp((self.checkpoints.path / _IDENTITY).stat().st_mtime, UTC)

    def identity(self) -> dict[str, Any] | None:
        """Return what the unfinished run in it is of; None where there is none."""
        try:
            found = json.loads((self.checkpoints.path / _IDENTITY).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def make(self) -> None:
        """Make the directory.

        Raises:
            PublishError: It cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def lock(self) -> bool:
        """Take the directory for this process; False where another one has it.

        The system lets go of the lock when the process ends, however it ends.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def unlock(self) -> None:
        """Let go of the directory."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def begin(
        self,
        config: TrainConfig,
        schema: Schema,
        identity: dict[str, Any],
        every_s: float,
        tell: Callable[[str], None],
    ) -> None:
        """Write what is known before training, over what an older run left.

        Raises:
            PublishError: It cannot be written.
        """
        self.checkpoints.clear()
        self.checkpoints = Checkpoints(self.checkpoints.path, every_s, tell)
        try:
            save_schema(schema, self.path / "schema.yaml")
            self._write("config.yaml", dump_config(config))
            self._write("environment.json", json.dumps(environment(identity["device"]), indent=2) + "\n")
            self._rewrite_losses()
            self.checkpoints.path.mkdir()
            write_synced(self.checkpoints.path / _IDENTITY, json.dumps(identity, indent=2).encode())
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def take_up(self, every_s: float, tell: Callable[[str], None]) -> None:
        """Go on with an unfinished run: with no epoch at first, those that are kept are restored.

        Raises:
            PublishError: It cannot be written.
        """
        self.resumed = True
        self.checkpoints = Checkpoints(self.checkpoints.path, every_s, tell)
        self.checkpoints.remove_unfinished()
        try:
            self._rewrite_losses()
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def restore(self, history: Sequence[Progress]) -> None:
        """Take in the epochs that a checkpoint remembers; later ones are done again.

        Raises:
            PublishError: It cannot be written.
        """
        self.history += history
        try:
            self._rewrite_losses()
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def record(self, progress: Progress) -> None:
        """Add an epoch to `loss.csv`; whole lines only, so that a killed run leaves a file to read.

        Raises:
            PublishError: It cannot be written.
        """
        self.history.append(progress)
        try:
            with (self.path / "loss.csv").open("a", encoding="utf-8", newline="") as file:
                csv.writer(file).writerow(_row(progress))
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def draw(self) -> None:
        """Draw the loss curves to `loss.svg`.

        Raises:
            PublishError: It cannot be written.
        """
        try:
            plot_losses(self.history, self.path / "loss.svg")
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def finish(self) -> None:
        """Remove the checkpoints: the bundle is there."""
        self.checkpoints.clear()

    def _rewrite_losses(self) -> None:
        lines = io.StringIO()
        writer = csv.writer(lines)
        writer.writerow(_COLUMNS)
        writer.writerows(map(_row, self.history))
        self._write("loss.csv", lines.getvalue())

    def _write(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        temporary = self.path / f".{name}.{os.getpid()}"
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
        temporary.replace(self.path / name)


def _row(progress: Progress) -> list[Any]:
    parts = json.dumps({name: round(value, 6) for name, value in progress.parts.items()})
    return [*(getattr(progress, name) for name in _COLUMNS[:-1]), parts]


def environment(device: str) -> dict[str, object]:
    """Return versions, platform and device, to repeat a run by."""
    gpu = torch.cuda.get_device_name() if device == "cuda" else None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device,
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "packages": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that shape a result."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _unwritable(path: Path, exc: OSError) -> PublishError:
    return PublishError(f"run directory {path} must be writable, got: {exc}")
