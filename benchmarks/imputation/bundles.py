"""The denoiser of each data set, trained once with the default settings and kept."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from augment.runtime import Model

if TYPE_CHECKING:
    from pathlib import Path

    from augment.training.config import ModelName
    from imputation.datasets import Split

__all__ = ["denoiser_of", "training_seconds", "vae_of"]


def denoiser_of(name: str, split: Split, cache: Path, *, quick: bool, threads: int) -> Model:
    """Return the denoiser, from the cache if it was trained before."""
    return _model(name, "denoiser", split, cache, quick=quick, threads=threads)


def vae_of(name: str, split: Split, cache: Path, *, quick: bool, threads: int) -> Model:
    """Return the model that interpolates, likewise."""
    return _model(f"{name}-vae", "vae", split, cache, quick=quick, threads=threads)


def _model(name: str, kind: ModelName, split: Split, cache: Path, *, quick: bool, threads: int) -> Model:
    models = cache / "models"
    if not (models / name / "1").is_dir():
        from augment.training import TrainConfig, build_bundle  # noqa: PLC0415 - torch only where it trains

        config = TrainConfig(models=(kind,), device="cpu", max_steps=200 if quick else None)
        print(f"training {name}", flush=True)
        started = time.monotonic()
        build_bundle(split.train, split.schema, config, name=name, out=models)
        (cache / f"{name}.training.json").write_text(json.dumps(time.monotonic() - started))
    return Model.open(models / name / "1", threads=threads)


def training_seconds(name: str, cache: Path) -> float:
    """Return how long training, exporting and publishing took."""
    return float(json.loads((cache / f"{name}.training.json").read_text()))
