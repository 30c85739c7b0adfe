"""Fixtures that every area shares: two small bundles, really trained, once for all workers."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

LONG = (
    "tests/test_readme.py",
    "tests/demo/test_demo_run.py",
    "tests/training/test_training_private.py",
    "tests/training/test_training_export.py",
    "tests/estimators/test_estimators_sklearn_checks.py",
    "tests/training/test_training_warm.py",
    "tests/training/test_training_killed.py",
    "tests/cli/test_cli_walk.py",
    "tests/cli/test_cli_interrupted.py",
    "tests/runtime/test_runtime_draws.py",
)
"""Files that train most, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files, so that no worker is left alone with one at the end."""
    place = {file: number for number, file in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(LONG)))


@pytest.fixture(scope="session")
def table() -> pa.Table:
    """240 records of every column kind."""
    return every_kind()


@pytest.fixture(scope="session")
def models_dir(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory with one bundle, `tiny/1`, trained on `table` for a few epochs."""
    return trained_once(tmp_path_factory, "tiny", table, epochs=6)


@pytest.fixture(scope="session")
def flat_csv(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared records without their images as a CSV file, its days written as in 31.12.2024."""
    from augment.data import write_table  # noqa: PLC0415 - numpy only where it is needed

    days = [f"{day:%d.%m.%Y}" for day in table["day"].to_pylist()]
    flat = table.drop_columns(["image"])
    path = tmp_path_factory.mktemp("records") / "flat.csv"
    write_table(flat.set_column(flat.schema.get_field_index("day"), "day", [days]), path)
    return path


@pytest.fixture(scope="session")
def flat_table(flat_csv: Path) -> pa.Table:
    """The records of that file."""
    from augment.data import read_table  # noqa: PLC0415 - like the others

    return read_table(flat_csv)


@pytest.fixture(scope="session")
def flat_dir(flat_table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory with one bundle, `flat/1`, which has no arrays."""
    return trained_once(tmp_path_factory, "flat", flat_table, epochs=2)


def trained_once(factory: pytest.TempPathFactory, name: str, table: pa.Table, *, epochs: int) -> Path:
    """Return a models directory with the bundle `name/1`; the first worker trains, the others wait."""
    root = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        root = root.parent  # of all workers
    trained = root / f"trained-{name}"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not trained.exists():
            train(table, root / f"training-{name}", name, epochs)
            (root / f"training-{name}").rename(trained)
    return trained / "models"


def train(table: pa.Table, root: Path, name: str, epochs: int) -> None:
    """Train the bundle `models/name/1` under `root`."""
    from augment.data import detect_schema  # noqa: PLC0415 - torch only where it is needed
    from augment.training import TrainConfig, build_bundle  # noqa: PLC0415

    config = TrainConfig(epochs=epochs, seed=1, device="cpu")
    schema = detect_schema(table, target="class")
    build_bundle(table, schema, config, name=name, out=root / "models", run_dir=root / "run")


@pytest.fixture(scope="session")
def tiny_bundle(models_dir: Path) -> Path:
    """The directory of the bundle in `models_dir`."""
    return models_dir / "tiny" / "1"
