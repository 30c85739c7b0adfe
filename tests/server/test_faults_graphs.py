"""A bundle that loads and is broken all the same: what it does to a call that finds out, and to others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from onnx import TensorProto
from structlog.testing import capture_logs

from augment.bundle import publish
from augment.data import Codec, conform, detect_schema
from augment.runtime import Model
from augment_client import Client, Reason, ServerError
from tests.bundle.small_graphs import GraphWriter, Sides, all_graphs, draft_of, records_of
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from augment.data import Layout
    from tests.server.running import ServerThread

NAME = "broken"
CALLS = 24


@pytest.fixture(scope="module")
def bundle(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scores records without an income as NaN, and fails to encode all but the youngest."""
    schema = detect_schema(table)
    layout = Codec.fit(conform(table, schema), schema).layout
    broken = {"score": scorer_of_few(layout), "encode": encoder_of_few(layout)}
    draft = draft_of(table, all_graphs(layout) | broken)
    return publish(tmp_path_factory.mktemp("models"), NAME, draft)


@pytest.fixture(scope="module")
def server(bundle: Path) -> Iterator[ServerThread]:
    """A server with that bundle; calls wait, so that they are computed together."""
    with threaded_server(bundle.parents[1], computations=1) as running:
        yield running


def scorer_of_few(layout: Layout) -> bytes:
    """The logarithm of a token less a half: NaN where `income` is missing."""
    writer = GraphWriter(records_of(layout), {"score": ("float32", None)})
    writer.add("Log", writer.add("Sub", _token_of(writer, layout, "income"), writer.weight(0.5)), out="score")
    return writer.file()


def encoder_of_few(layout: Layout) -> bytes:
    """Looks a token of `age` up in a table of three, where others are outside."""
    sides: Sides = {"latent": ("float32", 3), "latent_scale": ("float32", 3)}
    writer = GraphWriter(records_of(layout), sides)
    token = writer.add("Cast", _token_of(writer, layout, "age"), to=TensorProto.INT64)
    writer.add("Gather", writer.weight(np.eye(3)), token, out="latent")
    writer.add("Exp", "latent", out="latent_scale")
    return writer.file()


def _token_of(writer: GraphWriter, layout: Layout, column: str) -> str:
    """Return a column's token of each record as a float, of shape (N,)."""
    tokens = writer.add("Cast", "tokens", to=TensorProto.FLOAT)
    return writer.add("Gather", tokens, writer.weight(layout.names.index(column), "int64"), axis=1)


def test_nan_fails_the_call_with_its_reason_and_no_other(
    server: ServerThread, bundle: Path, table: pa.Table
) -> None:
    """Who sends the record that gives NaN hears which graph and output; all others get what they ask for."""
    good = table.filter(pc.is_valid(table["income"])).slice(0, 20)
    bad = _without_income(good)
    expected = Model.open(bundle, threads=1).score(good).scores
    with Client(server.target) as client, ThreadPoolExecutor(8) as pool, capture_logs() as logs:
        calls = [pool.submit(client.score, NAME, bad if number % 2 else good) for number in range(CALLS)]
        for number, call in enumerate(calls):
            if number % 2 == 0:
                assert call.result().scores.equals(expected)
                continue
            with pytest.raises(ServerError) as caught:
                call.result()
            told = caught.value.refusal
            assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL.value[0], Reason.INTERNAL)
            assert "graph 'score' gave NaN or infinity in output 'score'" in told.message
            assert "another version" in told.message
            assert told.request_id in told.message
        assert client.model(NAME).versions[0].state == "READY"
    assert sum(line["event"] == "fault" for line in logs) == CALLS // 2


def test_a_graph_that_fails_ends_the_call_without_the_records_values(
    server: ServerThread, table: pa.Table
) -> None:
    """The words of onnxruntime hold an index made of the records: they are for the log alone."""
    with Client(server.target) as client, capture_logs() as logs, pytest.raises(ServerError) as caught:
        client.encode(NAME, table)
    told = caught.value.refusal
    assert told.code == grpc.StatusCode.INTERNAL.value[0]
    assert told.message.startswith("graph 'encode' failed. ")
    assert "idx" not in told.message
    (fault,) = [line for line in logs if line["event"] == "fault"]
    assert "idx=" in str(fault["exc_info"])


def test_the_rest_of_the_model_serves_on(server: ServerThread, table: pa.Table) -> None:
    """One graph that fails takes nothing else away."""
    with Client(server.target) as client:
        with pytest.raises(ServerError):
            client.score(NAME, _without_income(table))
        assert client.generate(NAME, 500, seed=1).num_rows == 500
        assert client.denoise(NAME, table).records.num_rows == table.num_rows


def _without_income(records: pa.Table) -> pa.Table:
    """Return the records without their incomes."""
    place = records.schema.get_field_index("income")
    return records.set_column(place, "income", pa.nulls(records.num_rows, pa.float64()))
