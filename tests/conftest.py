"""Fixtures that every area shares: one small bundle, really trained."""

from __future__ import annotations

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
    from augment.data import detect_schema  # noqa: PLC0415 - torch only where it is needed
    from augment.training import TrainConfig, build_bundle  # noqa: PLC0415

    root = tmp_path_factory.mktemp("trained")
    config = TrainConfig(epochs=6, seed=1, device="cpu")
    schema = detect_schema(table, target="class")
    build_bundle(table, schema, config, name="tiny", out=root / "models", run_dir=root / "run")
    return root / "models"


@pytest.fixture(scope="session")
def tiny_bundle(models_dir: Path) -> Path:
    """The directory of the bundle in `models_dir`."""
    return models_dir / "tiny" / "1"
