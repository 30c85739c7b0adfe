"""The run directory: what was asked for, on what machine, and how the losses went."""

from __future__ import annotations

import csv
import json
import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from augment.data import save_schema
from augment.errors import PublishError
from augment.training.config import dump_config
from augment.training.curves import plot_losses

if TYPE_CHECKING:
    from augment.data import Schema
    from augment.training.config import TrainConfig
    from augment.training.progress import Progress

__all__ = ["RunDirectory", "environment"]

_PACKAGES = ("augment-service", "torch", "numpy", "pyarrow", "onnx", "onnxscript", "onnxruntime", "pydantic")
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


@dataclass(frozen=True)
class RunDirectory:
    """A directory with `config.yaml`, `schema.yaml`, `environment.json`, `loss.csv` and `loss.svg`.

    Attributes:
        path: The directory.
        history: The epochs recorded so far.
    """

    path: Path
    history: list[Progress] = field(default_factory=list)

    @classmethod
    def create(cls, path: Path | str, config: TrainConfig, schema: Schema, device: str) -> RunDirectory:
        """Make the directory, or take over an old one's, and write what is known before training.

        Raises:
            PublishError: It cannot be written.
        """
        run = cls(Path(path))
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            save_schema(schema, run.path / "schema.yaml")
            run._write("config.yaml", dump_config(config))
            run._write("environment.json", json.dumps(environment(device), indent=2) + "\n")
            with (run.path / "loss.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerow(_COLUMNS)
        except OSError as exc:
            raise _unwritable(run.path, exc) from exc
        return run

    def record(self, progress: Progress) -> None:
        """Add an epoch to `loss.csv`; whole lines only, so that a killed run leaves a file to read.

        Raises:
            PublishError: It cannot be written.
        """
        self.history.append(progress)
        parts = json.dumps({name: round(value, 6) for name, value in progress.parts.items()})
        row = [getattr(progress, name) for name in _COLUMNS[:-1]]
        try:
            with (self.path / "loss.csv").open("a", encoding="utf-8", newline="") as file:
                csv.writer(file).writerow([*row, parts])
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def finish(self) -> None:
        """Draw the loss curves to `loss.svg`.

        Raises:
            PublishError: It cannot be written.
        """
        try:
            plot_losses(self.history, self.path / "loss.svg")
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def _write(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        temporary = self.path / f".{name}.{os.getpid()}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.path / name)


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
