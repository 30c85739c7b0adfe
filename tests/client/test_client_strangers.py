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
OWN_TARGETS = [
    "127.0.0.1:PORT", "localhost:PORT", "LOCALHOST:PORT", "dns:localhost:PORT", "dns:/localhost:PORT",
    "dns:///localhost:PORT", "dns:///LocalHost:PORT", "dns:///127.0.0.1:PORT", "ipv4:127.0.0.1:PORT",
    "ipv4:///127.0.0.1:PORT", "ipv4:127.0.0.1:PORT,127.0.0.1:PORT",
]  # fmt: skip
OWN_ADDRESSES = ["[::1]:1", "dns:///[::1]:1", "ipv6:[::1]:1,[::1]:2", "unix:/tmp/augment", "127.9.9.9:1"]
FAR_TARGETS = [
    "a.example:1", "10.0.0.1:1", "0.0.0.0:1", "[2001:db8::1]:1", "localhost.evil.com:1",
    "127.0.0.1.evil.com:1", "evil-localhost:1", "xlocalhost:1", "dns://8.8.8.8/localhost:1", "dns://8.8.8.8/127.0.0.1:1",
    "dns://localhost/evil.com:1", "dns://localhost:1", "dns:////localhost:1", "dns:///evil.com:1",
    "dns:///localhost.evil.com:1", "dns:///localhost%2eevil.com:1", "dns:///localhost:1@evil.com",
    "dns:///[::1%252eevil.com]:1", "dns:::1:1", "ipv6:::1:1", "dns:///evil.com:1?localhost:1",
    "ipv4:127.0.0.1:1,10.0.0.1:1", "ipv4:10.0.0.1:1,127.0.0.1:1", "ipv6:[::1]:1,[2001:db8::1]:1",
    "ipv4:127.0.0.1:1,", "ipv4://10.0.0.1/127.0.0.1:1", "passthrough:///127.0.0.1:1", "xds:///localhost:1",
    "vsock:1:1",
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


@pytest.mark.parametrize("target", OWN_TARGETS)
def test_this_machine_is_called_past_the_proxy(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Where `http_proxy` is set for a whole company: it would see the token, and not this loopback."""
    target = target.replace("PORT", server.target.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with Client(target, token="t" * 20, retries=0) as client:
            assert client.generate("tiny", rows=2).num_rows == 2
        proxy.settimeout(0.1)
        with pytest.raises(TimeoutError):
            proxy.accept()


@pytest.mark.parametrize("target", OWN_ADDRESSES)
def test_a_token_may_be_sent_within_this_machine(target: str) -> None:
    """In plain text: nobody else hears it."""
    Client(target, token="t" * 20).close()


@pytest.mark.parametrize("target", FAR_TARGETS)
def test_no_token_is_sent_in_plain_text_to_what_may_be_elsewhere(target: str) -> None:
    """Names that begin like this machine's, lists with others in them, and what other resolvers say."""
    for targets in ([target], ["localhost:1", target]):
        with pytest.raises(InvalidRequestError, match="sent over TLS beyond this machine"):
            Client(targets, token="t" * 20)


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
