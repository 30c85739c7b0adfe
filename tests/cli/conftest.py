"""A bundle of flat records, which CSV files can hold, beside the tiny one; a server for both."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa


@pytest.fixture(scope="package")
def flat_csv(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared records without their images as a CSV file, its days written as in 31.12.2024."""
    from augment.data import write_table  # noqa: PLC0415 - numpy only where it is needed

    days = [f"{day:%d.%m.%Y}" for day in table["day"].to_pylist()]
    flat = table.drop_columns(["image"])
    path = tmp_path_factory.mktemp("records") / "flat.csv"
    write_table(flat.set_column(flat.schema.get_field_index("day"), "day", [days]), path)
    return path


@pytest.fixture(scope="package")
def flat_table(flat_csv: Path) -> pa.Table:
    """The records of that file."""
    from augment.data import read_table  # noqa: PLC0415 - like the others

    return read_table(flat_csv)


@pytest.fixture(scope="package")
def models(models_dir: Path, flat_table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory with `tiny` and with `flat`, which has no arrays."""
    from augment.data import detect_schema  # noqa: PLC0415 - torch only where it is needed
    from augment.training import TrainConfig, build_bundle  # noqa: PLC0415

    root = tmp_path_factory.mktemp("cli") / "models"
    shutil.copytree(models_dir, root)
    config = TrainConfig(epochs=2, seed=1, device="cpu")
    build_bundle(flat_table, detect_schema(flat_table, target="class"), config, name="flat", out=root)
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
