"""The bundle that is fuzzed: small networks, every operation; trained once, on made records."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from augment.bundle import list_bundles

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NAME", "trained"]

NAME = "fuzz"
_ROWS = 300


def trained(cache: Path) -> Path:
    """Return the models directory with `fuzz/1`, trained now where it is not there; about two minutes."""
    models = cache / "models"
    if not models.exists():
        hidden = cache / "training"
        shutil.rmtree(hidden, ignore_errors=True)
        _train(hidden)
        (hidden / "models").rename(models)
    assert [bundle.parent.name for bundle in list_bundles(models)] == [NAME]
    return models


def _train(root: Path) -> None:
    from augment.data import detect_schema  # noqa: PLC0415 - torch only where it trains
    from augment.training import TrainConfig, build_bundle  # noqa: PLC0415
    from augment.training.config import DenoiserConfig, MakerConfig, VaeConfig  # noqa: PLC0415
    from fuzzing.streams import records  # noqa: PLC0415 - beside the others

    table = records(_ROWS)
    config = TrainConfig(
        epochs=1,
        seed=1,
        device="cpu",
        vae=VaeConfig(hidden=8, layers=1, latent_dim=2, stages=1, components=1),
        denoiser=DenoiserConfig(hidden=8, layers=1),
        maker=MakerConfig(hidden=8, layers=1, weight_sets=1),
    )
    schema = detect_schema(table)
    build_bundle(table, schema, config, name=NAME, out=root / "models", run_dir=root / "run")
