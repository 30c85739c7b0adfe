"""A server with the flat bundle, that bundle in process, and inputs of two files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from augment.runtime import Model
from augment.scale.run import run_step
from tests.scale.steps import config_of, given_rows, write_inputs
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from tests.server.running import ServerThread


@pytest.fixture(scope="package")
def flat_server(flat_dir: Path) -> Iterator[ServerThread]:
    """A server in a thread, with the bundle `flat`."""
    with threaded_server(flat_dir) as running:
        yield running


@pytest.fixture(scope="package")
def flat_model(flat_dir: Path) -> Model:
    """What every engine should answer, in process."""
    return Model.open(flat_dir / "flat" / "1", threads=1)


@pytest.fixture(scope="package")
def given() -> pa.Table:
    """1,300 records with missing cells."""
    return given_rows()


@pytest.fixture
def root(given: pa.Table, tmp_path: Path) -> Path:
    """A directory whose `in` has them in two files: of 700 rows and of 600."""
    write_inputs(tmp_path / "in", given, 700)
    return tmp_path


@pytest.fixture(scope="package")
def finished(given: pa.Table, flat_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with an `out` of a finished step; only to be copied."""
    root = tmp_path_factory.mktemp("finished")
    write_inputs(root / "in", given, 700)
    run_step(config_of(root, flat_dir))
    return root


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished step."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path
