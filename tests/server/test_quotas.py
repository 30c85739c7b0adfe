"""Rows are taken from a quota whatever becomes of the call."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from augment_proto.v1 import augment_pb2 as pb
from augment_server import Registry
from augment_server.admission import Admission
from augment_server.calls import begin_call
from augment_server.metrics import Metrics
from augment_server.operations import Operations
from augment_server.principals import Principal
from augment_server.server_info import ServerInfo
from augment_server.service import AugmentService
from tests.server.running import settings

if TYPE_CHECKING:
    from pathlib import Path


class Endless:
    """A call without a deadline."""

    def time_remaining(self) -> None:
        """Say that there is none."""


def test_rows_are_taken_from_a_quota_before_their_caller_has_them(flat_dir: Path) -> None:
    """So that they are also where a caller takes a part of them and is gone before the rest is sent."""
    options = settings(flat_dir)
    registry, principal = Registry.open(options), Principal("quitter", ("*:*",), 60)
    operations = Operations(registry, options)

    async def take_one() -> None:
        with ThreadPoolExecutor(2) as pool:
            service = AugmentService(
                operations, Admission(pool, options, Metrics()), ServerInfo(options, registry)
            )
            begin_call("Generate", principal=principal)
            stream: Any = service.Generate(pb.GenerateRequest(model="flat", rows=10**6, seed=1), Endless())
            async with aclosing(stream):
                assert (await anext(stream)).HasField("header")

    asyncio.run(take_one())
    assert operations.quotas.spend(principal, 0) > 0  # 64 of 60 rows
    registry.close()
