"""Ours: one model trained alone at its default settings, exported, and run through onnxruntime."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import torch

from augment.data import detect_schema
from augment.runtime import Model
from augment.training import TrainConfig, Watcher, build_bundle

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from augment.training.config import ModelName
    from fidelity.methods import Task

__all__ = ["FittedBundle", "open_bundle_of", "train_bundle"]

_BUNDLES = "bundles"
_NAME = "benchmark"


class FittedBundle:
    """An open bundle, and how to sample from it."""

    def __init__(self, model: Model, *, sampler: str, steps: int | None = None) -> None:
        self.details: dict[str, float] = {} if steps is None else {"steps": float(steps)}
        self._model = model
        self._options: dict[str, object] = {"sampler": sampler} | ({"steps": steps} if steps else {})

    def sample(self, rows: int, *, seed: int) -> pa.Table:
        """Return the first rows of the seed's endless table."""
        return self._model.generate(rows, seed=seed, **self._options)  # type: ignore[arg-type]


class _Stages(Watcher):
    """Notes when training ended and export began."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}

    def on_stage(self, stage: str) -> None:
        self.begun[stage.split(" ", 1)[0]] = time.perf_counter()


def train_bundle(task: Task, kind: ModelName) -> FittedBundle:
    """Train, export, publish and open; the seconds of the parts are told."""
    torch.set_num_threads(task.threads)
    out = task.directory / _BUNDLES
    shutil.rmtree(out, ignore_errors=True)
    stages, started = _Stages(), time.perf_counter()
    config = TrainConfig(seed=task.seed, models=(kind,))
    schema = detect_schema(task.train, target=task.target)
    path = build_bundle(task.train, schema, config, name=_NAME, out=out, watcher=stages)
    opened = _opened(path, task.threads, kind)
    exporting, ended = stages.begun["exporting"], time.perf_counter()
    opened.details["training_seconds"] = round(exporting - started, 4)
    opened.details["export_seconds"] = round(ended - exporting, 4)
    return opened


def open_bundle_of(task: Task, *, sampler: str, steps: int | None) -> FittedBundle:
    """Open the bundle that another method trained."""
    path = task.shared / _BUNDLES / _NAME / "1"
    return _opened(path, task.threads, sampler, steps)


def _opened(path: Path, threads: int, sampler: str, steps: int | None = None) -> FittedBundle:
    return FittedBundle(Model.open(path, threads=threads), sampler=sampler, steps=steps)
