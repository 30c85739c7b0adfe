"""The small bundles side by side, and a server for both."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa


@pytest.fixture(scope="session")
def models(models_dir: Path, flat_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory with `tiny` and with `flat`, which has no arrays."""
    root = tmp_path_factory.mktemp("cli") / "models"
    for directory in (models_dir, flat_dir):
        shutil.copytree(directory, root, dirs_exist_ok=True)
    return root


@pytest.fixture(scope="package")
def server(models: Path) -> Iterator[str]:
    """The address of a server that hosts both."""
    with threaded_server(models) as running:
        yield running.target


@pytest.fixture(scope="package")
def tiny_parquet(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared records as a Parquet file."""
    from augment.data import write_table  # noqa: PLC0415 - like the others

    path = tmp_path_factory.mktemp("records") / "tiny.parquet"
    write_table(table, path)
    return path
