"""Completed tables come alike from a bundle, a server, both clients and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augment.data import write_table
from augment.runtime import Model
from augment_client import (
    AsyncClient,
    Client,
    Draws,
    InvalidRequestError,
    UnsupportedOperationError,
    calls,
)
from augment_proto.arrow import from_ipc, to_ipc
from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from tests.cli.running import augment
from tests.server.test_server_calls import refused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def flat(models: Path) -> Model:
    """The flat bundle, in process."""
    return Model.open(models / "flat" / "1", threads=1)


@pytest.fixture(scope="module")
def gaps(flat: Model, flat_table: pa.Table) -> pa.Table:
    """The flat records without ages, and with every third city missing."""
    cities = [None if row % 3 == 0 else city for row, city in enumerate(flat_table["city"].to_pylist())]
    records = flat_table.select(flat.result_schema.names).drop_columns(["age"])
    return records.set_column(records.schema.get_field_index("city"), "city", pa.array(cities))


def same(one: Any, other: Any) -> bool:
    """Whether two draws are equal in every table."""
    return (
        one.seed == other.seed
        and one.changed.equals(other.changed)
        and all(a.equals(b) for a, b in zip(one.tables, other.tables, strict=True))
    )


def test_a_client_gets_what_the_bundle_draws(flat: Model, server: str, gaps: pa.Table) -> None:
    """Tables, flags and seed are those of `Model.denoise`; the long table too."""
    wanted = flat.denoise(gaps, draws=3, seed=7)
    with Client(server) as client:
        made = client.denoise("flat", gaps, draws=3, seed=7)
    assert isinstance(made, Draws)
    assert same(made, wanted)
    assert made.long().equals(wanted.long())


def test_several_messages_give_what_one_gives(
    flat: Model, server: str, gaps: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table cut into pieces is drawn as a whole, wherever it is cut; without a seed all have one."""
    wanted = flat.denoise(gaps, draws=2, seed=7, first_row=1000)
    with Client(server) as client:
        for size in (2_000, 20_000):
            monkeypatch.setattr(calls, "_CALL_BYTES", size)
            assert same(client.denoise("flat", gaps, draws=2, seed=7, first_row=1000), wanted)
        drawn = client.denoise("flat", gaps, draws=2)
        assert same(client.denoise("flat", gaps, draws=2, seed=drawn.seed), drawn)
        assert client.denoise("flat", gaps, draws=2).seed != drawn.seed


async def test_the_async_client_draws_the_same(flat: Model, server: str, gaps: pa.Table) -> None:
    """Both clients have one set of requests."""
    async with AsyncClient(server) as client:
        made = await client.denoise("flat", gaps, draws=2, seed=3)
        guess = await client.denoise("flat", gaps, threshold=0, numbers="median")
    assert same(made, flat.denoise(gaps, draws=2, seed=3))
    assert guess.records.equals(flat.denoise(gaps, threshold=0, numbers="median").records)


def test_a_server_without_a_seed_draws_one_and_tells_it(server: str, gaps: pa.Table) -> None:
    """With the seed that is told the same tables can be had again."""
    with grpc.insecure_channel(server) as channel:
        stub: Any = AugmentServiceStub(channel)
        request = pb.DenoiseRequest(model="flat", records=to_ipc(gaps), draws=2)
        answer = stub.Denoise(request)
        request.seed = answer.seed
        again = stub.Denoise(request)
        refusal = refused(
            lambda: stub.Denoise(pb.DenoiseRequest(model="flat", records=to_ipc(gaps), draws=1001))
        )
    assert [from_ipc(data).num_rows for data in answer.draws] == [240, 240]
    assert list(again.draws) == list(answer.draws)
    assert (answer.records, answer.confidence) == (b"", b"")
    assert "draws" in str(refusal)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"draws": 0}, r"draws must be an integer in \[1, 1000\], got 0"),
        ({"draws": 1.5}, r"draws must be an integer in \[1, 1000\], got 1.5"),
        ({"draws": 1, "seed": -1}, "seed must be an integer"),
        ({"draws": 1, "threshold": 7}, r"threshold must be a number in \[0, 1\], got 7"),
        ({"draws": 1, "numbers": "mean"}, "numbers must not be given with draws"),
        ({"numbers": "mode"}, "numbers must be one of"),
        ({"draws": 1, "first_row": -1}, "first_row must be an integer"),
    ],
)
def test_a_client_checks_what_is_asked(server: str, gaps: pa.Table, asked: Any, message: str) -> None:
    """Before anything is sent, in the words of the server."""
    with Client(server) as client, pytest.raises(InvalidRequestError, match=message):
        client.denoise("flat", gaps, **asked)


def test_a_server_refuses_what_it_cannot_draw(server: str, gaps: pa.Table, table: pa.Table) -> None:
    """Models of arrays have no such sampler; too many rows in one answer are too large."""
    with Client(server) as client:
        with pytest.raises(UnsupportedOperationError, match="cannot draw completions"):
            client.denoise("tiny", table.drop_columns(["note"]), draws=1)
        with grpc.insecure_channel(server) as channel:
            stub: Any = AugmentServiceStub(channel)
            request = pb.DenoiseRequest(model="flat", records=to_ipc(gaps), draws=1000)
            assert "draws x rows of records is at most" in str(refused(lambda: stub.Denoise(request)))


def test_files_are_equal_here_and_there(
    tmp_path: Path, models: Path, server: str, flat: Model, gaps: pa.Table
) -> None:
    """`--draws` writes the long table: draw, row, then the columns in file order; the same both ways."""
    broken = tmp_path / "broken.parquet"
    write_table(gaps, broken)
    paths, missing = [], 240 + sum(column.null_count for column in gaps.columns)
    for place, where in (("here", ("--models", models)), ("there", ("--server", server))):
        paths.append(tmp_path / f"{place}.parquet")
        ran = augment("denoise", "flat", broken, "--draws", 3, "--seed", 5, "--out", paths[-1], *where)
        assert ran.code == 0, ran.err
        assert "wrote 3 completed tables of 240 records" in ran.out
        assert f"{missing:,} cells drawn" in ran.out
    assert paths[0].read_bytes() == paths[1].read_bytes()
    long = pq.read_table(paths[0])
    wanted = flat.denoise(gaps, draws=3, seed=5).long()
    assert long.column_names == wanted.column_names
    assert long.to_pylist() == wanted.to_pylist()


def test_texts_stand_in_every_draw(tmp_path: Path, models: Path, flat_csv: Path) -> None:
    """Free text is passed on, once for each draw; as CSV too. A seed is drawn and told."""
    out = tmp_path / "completed.csv"
    ran = augment("denoise", "flat", flat_csv, "--draws", 2, "--out", out, "--models", models)
    assert ran.code == 0, ran.err
    assert "with seed" in ran.out
    lines = out.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 481
    assert lines[0].startswith("draw,row,")
    assert "note" in lines[0].split(",")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--draws", 0), ["draws", "must be an integer in [1, 1000]", "0"]),
        (("--draws", 2, "--seed", -1), ["seed", "must be an integer", "-1"]),
        (("--draws", 2, "--threshold", 3), ["threshold", "must be a number in [0, 1]", "3"]),
        (("--draws", 2, "--numbers", "mean"), ["--numbers", "must not be given with --draws"]),
        (("--draws", 2, "--changes", "c.csv"), ["--changes", "must not be given with --draws"]),
        (("--seed", 2), ["--seed", "must be given with --draws only"]),
        (("--numbers", "mode"), ["numbers", "must be one of", "mode"]),
    ],
)
@pytest.mark.parametrize("place", ["here", "there"])
def test_a_bad_option_is_refused_alike(
    tmp_path: Path,
    models: Path,
    server: str,
    flat_csv: Path,
    options: tuple[object, ...],
    parts: list[str],
    place: str,
) -> None:
    """The message has the option, the rule and the value."""
    where = ("--models", models) if place == "here" else ("--server", server)
    ran = augment("denoise", "flat", flat_csv, "--out", tmp_path / "out.csv", *options, *where)
    assert ran.code == 2, ran.out
    for part in parts:
        assert part in ran.err.replace("\n", " "), ran.err
