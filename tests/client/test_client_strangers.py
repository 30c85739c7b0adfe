"""What callers do who have read nothing: odd targets, a proxy, a table for tables, calls after the end."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from augment_client import AsyncClient, Client, InvalidRecordsError, InvalidRequestError
from tests.records import every_kind

if TYPE_CHECKING:
    from tests.server.running import ServerThread

NO_TARGETS: list[Any] = [
    "localhost", "localhost:99999", "localhost:0", "http://localhost:50051", "localhost:50051/", "::1:50051",
    "localhost:", ":50051", None, 5, [], ["localhost:50051", 7],
]  # fmt: skip
TARGETS = [
    "localhost:50051", "[::1]:50051", "a:1,b:2", ["a.example:1", "10.0.0.1:65535"], "dns:///a.example:50051",
    "unix:///tmp/augment", "ipv4:127.0.0.1:1,127.0.0.2:1",
]  # fmt: skip


@pytest.mark.parametrize("target", NO_TARGETS)
def test_what_is_no_target_is_told_at_once(target: object) -> None:
    """GRPC takes port 443 where none is named, and another port for one past the last."""
    for kind in (Client, AsyncClient):
        with pytest.raises(InvalidRequestError, match="target must be host:port"):
            kind(target)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", TARGETS)
def test_targets(target: str | list[str]) -> None:
    """Addresses, names, lists of them, and what gRPC resolves by a scheme."""
    Client(target).close()


def test_this_machine_is_called_past_the_proxy(server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `http_proxy` is set for a whole company: it would see the token, and not this loopback."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with Client(server.target, token="t" * 20, retries=0) as client:
            assert client.generate("tiny", rows=2).num_rows == 2
        proxy.settimeout(0.1)
        with pytest.raises(TimeoutError):
            proxy.accept()


@pytest.mark.parametrize("batches", [every_kind(3, 1), every_kind(3, 1).to_pandas(), {"age": 1}, None, "a"])
def test_one_table_is_no_iterable_of_tables(server: ServerThread, batches: object) -> None:
    """To go through it gives columns, or their names."""
    with Client(server.target) as client, pytest.raises(InvalidRecordsError, match="iterable of tables"):
        client.denoise_batches("tiny", batches)  # type: ignore[arg-type]


def test_what_a_call_gave_back_is_told_where_its_table_is(server: ServerThread) -> None:
    """`encode` gives `Latents`, which `decode` does not take: it takes its `latent`."""
    with Client(server.target) as client:
        latents = client.encode("tiny", every_kind(3, 1))
        with pytest.raises(InvalidRecordsError, match=r"Give its \.latent"):
            client.decode("tiny", latents)  # type: ignore[arg-type]
        repaired = client.denoise("tiny", every_kind(3, 1))
        with pytest.raises(InvalidRecordsError, match=r"Give its \.records"):
            client.encode("tiny", repaired)  # type: ignore[arg-type]


def test_a_reader_of_batches_is_one(server: ServerThread) -> None:
    """As Parquet files give it."""
    table = every_kind(20, 1)
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=5))
    with Client(server.target) as client:
        assert sum(part.records.num_rows for part in client.denoise_batches("tiny", reader)) == 20


async def test_a_closed_client_says_so(server: ServerThread) -> None:
    """In calls and in streams, sync and async."""
    client, other = Client(server.target), AsyncClient(server.target)
    client.close()
    await other.aclose()
    for call in (client.models, lambda: client.generate("tiny", rows=1)):
        with pytest.raises(InvalidRequestError, match="client must be open"):
            call()
    with pytest.raises(InvalidRequestError, match="client must be open"):
        await other.models()
    with pytest.raises(InvalidRequestError, match="client must be open"):
        await other.generate("tiny", rows=1)


def test_an_async_client_outlives_event_loops(server: ServerThread) -> None:
    """Made before any runs, as at the top of a module, and used in several: a channel belongs to one."""
    client = AsyncClient(server.target)

    async def generated() -> int:
        return int((await client.generate("tiny", rows=3)).num_rows)

    assert [asyncio.run(generated()) for _ in range(2)] == [3, 3]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda _: asyncio.run(generated()), range(6))) == [3] * 6
    asyncio.run(client.aclose())
    with pytest.raises(InvalidRequestError, match="client must be open"):
        asyncio.run(generated())
