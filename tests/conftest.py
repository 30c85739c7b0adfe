"""Fixtures that every area shares: one small bundle, really trained."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


@pytest.fixture(scope="session")
def table() -> pa.Table:
    """240 records of every column kind."""
    return every_kind()


@pytest.fixture(scope="session")
def models_dir(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory with one bundle, `tiny/1`, trained on `table` for a few epochs."""
    root = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        root = root.parent  # of all workers: the first one trains, the others wait
    with (root / "trained.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "trained").exists():
            train(table, root / "training")
            (root / "training").rename(root / "trained")
    return root / "trained" / "models"


def train(table: pa.Table, root: Path) -> None:
    """Train the bundle `models/tiny/1` under `root`."""
    from augment.data import detect_schema  # noqa: PLC0415 - torch only where it is needed
    from augment.training import TrainConfig, build_bundle  # noqa: PLC0415

    config = TrainConfig(epochs=6, seed=1, device="cpu")
    schema = detect_schema(table, target="class")
    build_bundle(table, schema, config, name="tiny", out=root / "models", run_dir=root / "run")


@pytest.fixture(scope="session")
def tiny_bundle(models_dir: Path) -> Path:
    """The directory of the bundle in `models_dir`."""
    return models_dir / "tiny" / "1"
