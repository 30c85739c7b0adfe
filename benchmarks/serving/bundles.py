"""A small bundle, and new versions of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.bundle import list_bundles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from augment.training.config import ModelName

__all__ = ["NAME", "add_version", "broken_version", "prepared", "remove_version", "train_small"]

NAME = "small"
_ROWS = 400


def train_small(out: Path, models: Sequence[ModelName] = ("vae",)) -> Path:
    """Train autoencoders on 400 made records, a variational one alone if nothing is said.

    Returns:
        The bundle's directory.
    """
    from augment.data import detect_schema  # noqa: PLC0415 - torch only where it trains
    from augment.training import TrainConfig, build_bundle  # noqa: PLC0415

    chance = np.random.default_rng(0)
    table = pa.table(
        {
            "age": chance.integers(18, 80, _ROWS),
            "income": np.round(chance.lognormal(10, 1, _ROWS), 2),
            "city": chance.choice(["Ghent", "Graz", "Porto"], _ROWS),
        }
    )
    config = TrainConfig(models=tuple(models), epochs=2, seed=1, device="cpu")
    build_bundle(table, detect_schema(table), config, name=NAME, out=out / "models", run_dir=out / "run")
    return list_bundles(out / "models")[-1]


def prepared(bundle: Path | None, scratch: Path) -> Path:
    """Return a bundle's directory: the given one, or a small one trained now."""
    return train_small(scratch / "trained") if bundle is None else bundle


def add_version(bundle: Path, models: Path, version: int) -> Path:
    """Publish a copy of the bundle under a version, by one rename."""
    target = models / bundle.parent.name / str(version)
    hidden = target.with_name(f".copy-{version}")
    shutil.copytree(bundle, hidden)
    return hidden.rename(target)


def broken_version(bundle: Path, models: Path, version: int) -> Path:
    """Publish a copy whose golden rows lack their end."""
    target = models / bundle.parent.name / str(version)
    hidden = target.with_name(f".copy-{version}")
    shutil.copytree(bundle, hidden)
    golden = hidden / "golden.arrow"
    data = golden.read_bytes()
    golden.unlink()
    golden.write_bytes(data[:-1])
    return hidden.rename(target)


def remove_version(models: Path, name: str, version: int) -> None:
    """Remove a version: first out of sight, then for good."""
    target = models / name / str(version)
    if target.exists():
        hidden = target.rename(target.with_name(f".gone-{version}"))
        shutil.rmtree(hidden)
