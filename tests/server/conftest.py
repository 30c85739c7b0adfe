"""A server with the tiny bundle, and a stub that calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
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
def stub(server: ServerThread) -> Iterator[AugmentServiceStub]:
    """A stub without our client, for messages that the client would not send."""
    with grpc.insecure_channel(server.target) as channel:
        yield AugmentServiceStub(channel)
