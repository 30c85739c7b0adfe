"""A server with the tiny bundle, a client for it, and the same bundle opened in process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from augment.runtime import Model
from augment_client import Client
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.running import ServerThread


@pytest.fixture(scope="module")
def server(models_dir: Path) -> Iterator[ServerThread]:
    """A server in a thread, with the bundle `tiny`."""
    with threaded_server(models_dir) as running:
        yield running


@pytest.fixture
def client(server: ServerThread) -> Iterator[Client]:
    """A client of that server."""
    with Client(server.target) as made:
        yield made


@pytest.fixture(scope="module")
def model(tiny_bundle: Path) -> Model:
    """What the server should answer, in process."""
    return Model.open(tiny_bundle, threads=1)
