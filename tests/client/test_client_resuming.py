from __future__ import annotations

import random
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augment.runtime import Model
from augment_client import AsyncClient, Client, ProtocolError, Receipt, UnavailableError
from tests.client.mortal import MortalServer
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = 60_000


@pytest.fixture(scope="module")
def flat(flat_dir: Path) -> Model:
    """What the servers host, in process."""
    return Model.open(flat_dir / "flat" / "1", threads=1)


@pytest.fixture(scope="module")
def unbroken(flat: Model) -> pa.Table:
    """What must arrive."""
    return flat.generate(ROWS, seed=5, offset=3)


@pytest.fixture(scope="module")
def mortal(flat_dir: Path) -> Iterator[MortalServer]:
    """A server that tests may kill."""
    with MortalServer(flat_dir) as server:
        yield server


def pieces(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    return (table.slice(start, rows) for start in range(0, table.num_rows, rows))


def test_a_stream_outlives_its_server(mortal: MortalServer, unbroken: pa.Table) -> None:
    """Killed in the middle of a stream and started again: the table is that of an unbroken stream."""
    mortal.wait()
    with (
        Client(mortal.target) as client,
        client.generate_batches("flat", ROWS, seed=5, offset=3) as stream,
    ):
        batches = [next(stream)]
        mortal.kill()
        batches += stream
        assert pa.Table.from_batches(batches).equals(unbroken)
    assert mortal.kills


async def test_an_asynchronous_stream_outlives_its_server(mortal: MortalServer, unbroken: pa.Table) -> None:
    """The same for the other client."""
    mortal.wait()
    async with (
        AsyncClient(mortal.target) as client,
        client.generate_batches("flat", ROWS, seed=5, offset=3) as stream,
    ):
        batches = [await anext(stream)]
        mortal.kill()
        batches += [batch async for batch in stream]
        assert pa.Table.from_batches(batches).equals(unbroken)


def test_streams_that_wait_for_their_first_rows_do_not_wait_for_ever(mortal: MortalServer) -> None:
    """Killed before it answered: the calls that waited fail or go on, and the next ones are answered."""
    mortal.wait()

    def asked(client: Client) -> int:
        try:
            return int(client.generate("flat", 2_000, seed=5, conditions=["age > 30"]).num_rows)
        except UnavailableError:
            return 0

    with ThreadPoolExecutor(4) as pool, ExitStack() as stack:
        clients = [stack.enter_context(Client(mortal.target)) for _ in range(4)]
        assert clients[0].model("flat").version == 1
        running = [pool.submit(asked, client) for client in clients]
        time.sleep(0.2)
        mortal.kill()
        assert {each.result(60) for each in running} <= {0, 2_000}
        mortal.wait()
        deadline = time.monotonic() + 20  # the channels look for the server every two seconds
        while not all(asked(client) for client in clients):
            assert time.monotonic() < deadline


def test_denoising_outlives_the_server(mortal: MortalServer, flat: Model, unbroken: pa.Table) -> None:
    """What was sent and not answered is sent again: every row is answered once."""
    given = unbroken.slice(0, 6_000)
    whole = flat.denoise(given)
    mortal.wait()
    with Client(mortal.target) as client:
        parts = []
        for part in client.denoise_batches("flat", pieces(given, 500)):
            parts.append(part)
            if len(parts) == 3:
                mortal.kill()
        assert pa.concat_tables(part.records for part in parts).equals(whole.records)
        assert pa.concat_tables(part.changed for part in parts).equals(whole.changed)
        assert pa.concat_tables(part.confidence for part in parts).equals(whole.confidence)
    told = [Receipt.of(part.records.schema) for part in parts]
    assert told == [Receipt("flat", 1, flat.digest, "denoise", row, 500) for row in range(0, 6_000, 500)]


async def test_asynchronous_denoising_outlives_the_server(
    mortal: MortalServer, flat: Model, unbroken: pa.Table
) -> None:
    """The same for the other client."""
    given = unbroken.slice(0, 4_000)
    mortal.wait()
    async with AsyncClient(mortal.target) as client:
        parts = []
        async for part in client.denoise_batches("flat", pieces(given, 500)):
            parts.append(part.records)
            if len(parts) == 3:
                mortal.kill()
        assert pa.concat_tables(parts).equals(flat.denoise(given).records)


def test_a_stream_goes_on_at_another_replica(flat_dir: Path, unbroken: pa.Table) -> None:
    """Of two servers one ends for good, and one was never there: the stream and later calls do not care."""
    with threaded_server(flat_dir) as second, threaded_server(flat_dir, grace_s=0.0) as first:
        targets = ["127.0.0.1:9", first.target, second.target]
        with Client(targets) as client:
            with client.generate_batches("flat", ROWS, seed=5, offset=3) as stream:
                batches = [next(stream)]
                first.run(first.server.stop(grace_s=0))
                batches += stream
            assert pa.Table.from_batches(batches).equals(unbroken)
            assert [model.name for model in client.models()] == ["flat"]
            given = unbroken.slice(0, 50)
            assert next(client.denoise_batches("flat", [given])).records.num_rows == 50


def test_patience_ends(flat_dir: Path) -> None:
    """A server that does not come back is told as such, at once without retries."""
    for retries in (0, 2):
        with threaded_server(flat_dir) as server, Client(server.target, retries=retries) as client:
            stream = client.generate_batches("flat", 10**7, seed=5)
            next(stream)
            denoising = client.denoise_batches("flat", pieces(client.generate("flat", 900, seed=1), 10))
            next(denoising)
            server.run(server.server.stop(grace_s=0))
            with pytest.raises(UnavailableError):
                list(stream)
            with pytest.raises(UnavailableError):
                list(denoising)


def test_another_bundle_is_no_continuation(flat_dir: Path, tmp_path: Path) -> None:
    """Where the same name and version have become another model, the stream fails rather than mixes."""
    other = tmp_path / "models"
    shutil.copytree(flat_dir, other)
    manifest = other / "flat" / "1" / "manifest.json"
    text = manifest.read_text()
    changed = re.sub(r'"created_at":"\d', '"created_at":"3', text)
    assert changed != text
    manifest.write_text(changed)
    with (
        threaded_server(other) as second,
        threaded_server(flat_dir) as first,
        Client([first.target, second.target]) as client,
    ):
        stream = client.generate_batches("flat", 10**6, seed=5)
        next(stream)
        first.run(first.server.stop(grace_s=0))
        with pytest.raises(ProtocolError, match="go on with the bundle"):
            list(stream)


def test_denoising_in_batches(flat_dir: Path, flat: Model, unbroken: pa.Table) -> None:
    """Parts come in order, whatever the batches; input is read no further ahead than the credit goes."""
    given = unbroken.slice(0, 1_000)
    read = []

    def batches() -> Iterator[pa.Table]:
        for piece in pieces(given, 40):
            read.append(piece.num_rows)
            yield piece

    with threaded_server(flat_dir) as server, Client(server.target) as client:
        parts = []
        for part in client.denoise_batches("flat", batches(), threshold=0.2, numbers="median"):
            parts.append(part.records)
            assert len(read) <= len(parts) + 4
        wanted = flat.denoise(given, threshold=0.2, numbers="median").records
        assert pa.concat_tables(parts).equals(wanted)
        assert list(client.denoise_batches("flat", [])) == []
        assert list(client.denoise_batches("flat", [given.slice(0, 0)])) == []

        def failing() -> Iterator[pa.Table]:
            yield given
            raise RuntimeError("the caller's own")

        with pytest.raises(RuntimeError, match="own"):
            list(client.denoise_batches("flat", failing()))


def test_files_keep_the_receipt(flat_dir: Path, flat: Model, tmp_path: Path) -> None:
    """A file of what came says what it was made of, and with that the same rows are had again."""
    with threaded_server(flat_dir) as server, Client(server.target) as client:
        table = client.generate("flat", 70, offset=9, balance="target")
        pq.write_table(table, tmp_path / "made.parquet")
        receipt = Receipt.of(pq.read_schema(tmp_path / "made.parquet"))
        assert receipt is not None
        again = client.generate(
            receipt.model,
            receipt.rows,
            seed=receipt.seed,
            offset=receipt.offset,
            sampler=receipt.sampler,
            balance=receipt.balance,
            version=receipt.version,
        )
        assert receipt.digest == flat.digest
        assert receipt.operation == "generate"
        assert again.equals(table, check_metadata=True)
        receipt = Receipt.of(client.denoise("flat", table).records.schema)
        assert receipt == Receipt("flat", 1, flat.digest, "denoise", 0, 70)
        drawn = client.denoise("flat", table.slice(0, 3), draws=2, seed=4).tables[1]
        assert Receipt.of(drawn.schema) == Receipt("flat", 1, flat.digest, "denoise", 0, 3, 4)
        assert Receipt.of(client.encode("flat", table).latent.schema).operation == "encode"  # type: ignore[union-attr]
    assert Receipt.of(pa.schema([])) is None
    assert Receipt.of(pa.schema([]).with_metadata({b"augment.receipt": b"[1]"})) is None


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_hundred_kills(flat_dir: Path, flat: Model) -> None:
    """100 kills at moments drawn by a seed: no row is lost, none comes twice."""
    chance = random.Random(100)  # noqa: S311 - to draw moments
    with MortalServer(flat_dir) as server, Client(server.target, retries=30) as client:
        for round_ in range(20):
            rows, offset = chance.randint(200_000, 400_000), chance.randint(0, 10**9)
            moments = sorted(chance.sample(range(1, 40), 4))
            batches = []
            with client.generate_batches("flat", rows, seed=round_, offset=offset) as stream:
                for batch in stream:
                    batches.append(batch)
                    if moments and len(batches) >= moments[0]:
                        moments.pop(0)
                        server.kill()
            made = pa.Table.from_batches(batches)
            assert made.equals(flat.generate(rows, seed=round_, offset=offset))
            given = made.slice(0, 20_000)
            parts = []
            for part in client.denoise_batches("flat", pieces(given, 1_000)):
                parts.append(part.records)
                if len(parts) == 1 + round_ % 10:
                    server.kill()
            assert pa.concat_tables(parts).equals(flat.denoise(given).records)
        assert server.kills >= 100
