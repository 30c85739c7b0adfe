from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augment_client import AsyncClient, Client, calls, requests
from augment_proto.arrow import from_ipc
from augment_proto.receipt import METADATA_KEY

if TYPE_CHECKING:
    from augment.runtime import Model
    from tests.server.running import ServerThread


def plain(schema: pa.Schema) -> pa.Schema:
    """Return the schema without a receipt, which the library gives none."""
    metadata = {key: value for key, value in (schema.metadata or {}).items() if key != METADATA_KEY}
    return schema.with_metadata(metadata or None)


def same(left: Any, right: Any) -> bool:
    """Whether two results are equal in every table, and have the same unseen values."""
    if isinstance(left, pa.Table):
        return bool(
            plain(left.schema).equals(plain(right.schema), check_metadata=True) and left.equals(right)
        )
    names = [name for name in vars(left) if name != "unseen"]
    tables = all(same(getattr(left, name), getattr(right, name)) for name in names)
    return tables and [vars(value) for value in left.unseen] == [vars(value) for value in right.unseen]


@pytest.fixture
def records(table: pa.Table) -> pa.Table:
    """Fifty records with an unseen city in rows 3 and 41, without the text column."""
    cities = table["city"].to_pylist()[:50]
    cities[3] = cities[41] = "Atlantis"
    position = table.column_names.index("city")
    return table.slice(0, 50).set_column(position, "city", pa.array(cities)).drop_columns(["note"])


def test_models_are_described(client: Client, model: Model, table: pa.Table) -> None:
    """Name, version, digest, schema, columns, samplers, operations and figures are the bundle's."""
    (told,) = client.models()
    assert told == client.model("tiny") == client.model("tiny", version=1)
    assert (told.name, told.version, told.digest) == (model.name, model.version, model.digest)
    assert told.schema.equals(model.result_schema, check_metadata=True)
    assert (told.samplers, told.operations) == (model.samplers, model.operations)
    assert told.created_at == model.manifest.created_at
    assert told.figures == model.manifest.quality
    assert (told.training_rows, told.block_rows) == (240, model.manifest.block_rows)
    columns = {column.name: column for column in told.columns}
    assert list(columns) == table.column_names
    assert columns["class"].role == "target"
    assert (columns["key"].role, columns["note"].role) == ("ignored", "ignored")
    assert columns["city"].category_count == 3
    assert set(columns["city"].categories) == {"Bern", "Genève", "Zürich"}
    assert columns["city"].nullable
    assert columns["image"].shape == (4, 4)
    ages = table["age"].to_pylist()
    assert (columns["age"].minimum, columns["age"].maximum) == (str(min(ages)), str(max(ages)))
    assert columns["since"].minimum.startswith("2024-01-0")
    assert columns["city"].minimum == ""


def test_generated_rows_are_those_of_the_model_in_process(client: Client, model: Model) -> None:
    """Served and made in process, whole or from an offset: equal tables, types and metadata."""
    assert same(client.generate("tiny", 2000, seed=7), model.generate(2000, seed=7))
    assert same(client.generate("tiny", 10, seed=7, offset=1234), model.generate(10, seed=7, offset=1234))
    assert same(
        client.generate("tiny", 10, seed=7, sampler="vae", version=1),
        model.generate(10, seed=7, sampler="vae"),
    )


def test_pandas_gets_the_dtypes_of_the_data(client: Client, table: pa.Table) -> None:
    """`to_pandas` of what is generated has the dtypes that the data file has."""
    wanted = table.drop_columns(["note"]).to_pandas().dtypes
    assert client.generate("tiny", 50, seed=1).to_pandas().dtypes.equals(wanted)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offset=st.integers(0, 3000), rows=st.integers(1, 3000), seed=st.integers(0, 2**64 - 1))
def test_a_row_is_the_same_wherever_a_request_begins(
    client: Client, offset: int, rows: int, seed: int
) -> None:
    """Any window of a seed's rows is that slice of the whole."""
    whole = client.generate("tiny", offset + rows, seed=seed)
    assert client.generate("tiny", rows, seed=seed, offset=offset).equals(whole.slice(offset))


def test_batches_are_the_table_in_pieces(client: Client, model: Model) -> None:
    """Batches joined are the table; the stream tells its seed, model and schema before the first one."""
    with client.generate_batches("tiny", 20_000, seed=3, offset=5) as stream:
        info = stream.info
        assert (info.model, info.version, info.digest) == ("tiny", 1, model.digest)
        assert (info.seed, info.offset, info.rows, info.sampler) == (3, 5, 20_000, "denoiser")
        assert "tiny/1" in repr(stream)
        batches = list(stream)
    assert len(batches) > 1
    assert pa.Table.from_batches(batches, info.schema).equals(model.generate(20_000, seed=3, offset=5))
    assert all(batch.schema.equals(info.schema) for batch in batches)


def test_a_drawn_seed_can_be_used_again(client: Client) -> None:
    """Without a seed rows differ from call to call; the seed that was drawn gives them again."""
    with client.generate_batches("tiny", 100) as stream:
        first = pa.Table.from_batches(stream)
        again = client.generate("tiny", 100, seed=stream.info.seed)
    assert first.equals(again)
    assert not client.generate("tiny", 100).equals(first)


def test_operations_on_records_are_those_of_the_model(
    client: Client, model: Model, records: pa.Table
) -> None:
    """Denoise, encode, decode, reconstruct, score and interpolate: equal to the model in process."""
    assert same(client.denoise("tiny", records), model.denoise(records))
    assert same(client.denoise("tiny", records, threshold=0.9), model.denoise(records, threshold=0.9))
    assert same(client.encode("tiny", records), model.encode(records))
    assert same(client.reconstruct("tiny", records), model.reconstruct(records))
    assert same(client.score("tiny", records), model.score(records))
    latent = model.encode(records).latent
    assert same(client.decode("tiny", latent), model.decode(latent))
    for method in ("linear", "slerp"):
        made = client.interpolate("tiny", records[:5], records[5:10], steps=4, method=method)
        assert same(made, model.interpolate(records[:5], records[5:10], steps=4, method=method))


def test_unseen_values_are_reported(client: Client, records: pa.Table) -> None:
    """A category that the model never saw is read as missing and told with its column, cells and row."""
    (unseen,) = client.denoise("tiny", records).unseen
    assert (unseen.column, unseen.value, unseen.cells, unseen.first_row) == ("city", "Atlantis", 2, 3)


@pytest.fixture
def blocks(table: pa.Table, model: Model) -> pa.Table:
    """Three blocks and a bit, with unseen values of two columns here and there."""
    rows = 3 * model.manifest.block_rows + 7
    repeats = rows // table.num_rows + 1
    many = pa.concat_tables([table.drop_columns(["note"])] * repeats).slice(0, rows).combine_chunks()
    cities = many["city"].to_pylist()
    codes = many["code"].to_pylist()
    cities[5], codes[700] = "Eldorado", "?"
    cities[model.manifest.block_rows + 3] = cities[-1] = "Atlantis"
    many = many.set_column(many.column_names.index("city"), "city", pa.array(cities))
    return many.set_column(many.column_names.index("code"), "code", pa.array(codes))


def test_large_tables_are_sent_in_pieces_with_the_same_result(
    client: Client, model: Model, blocks: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of pieces of whole blocks are those of one call to the bit: rows, flags, unseen, order."""
    row_bytes = blocks.nbytes // blocks.num_rows + 16 * blocks.num_columns
    monkeypatch.setattr(calls, "_CALL_BYTES", row_bytes * (model.manifest.block_rows + 50))
    assert requests.encode("tiny", blocks, version=None).is_large
    assert same(client.denoise("tiny", blocks), model.denoise(blocks))
    assert same(client.encode("tiny", blocks), model.encode(blocks))
    assert same(client.score("tiny", blocks), model.score(blocks))
    assert same(client.reconstruct("tiny", blocks, version=1), model.reconstruct(blocks))
    monkeypatch.setattr(calls, "_CALL_BYTES", 600 * model.manifest.block_rows)
    latent = model.encode(blocks).latent
    assert requests.decode("tiny", latent, version=None).is_large
    assert same(client.decode("tiny", latent), model.decode(latent))
    ends = blocks[:100], blocks[100:200]
    way = requests.interpolate("tiny", *ends, steps=9, method="linear", version=None)
    assert way.is_large
    assert same(client.interpolate("tiny", *ends, steps=9), model.interpolate(*ends, steps=9))


def test_rows_wider_than_a_message_of_blocks_are_sent_one_by_one(
    client: Client, model: Model, records: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not even a block fits, pieces are smaller; made-up identifiers still differ."""
    monkeypatch.setattr(calls, "_CALL_BYTES", 1)
    latent, wanted = client.encode("tiny", records).latent, model.encode(records).latent
    assert np.allclose(latent.to_pandas(), wanted.to_pandas(), atol=1e-4)
    keys = client.decode("tiny", latent)["key"].to_pylist()
    assert keys == model.decode(latent)["key"].to_pylist()
    assert len(set(keys)) == records.num_rows


def test_messages_end_where_blocks_end(client: Client, blocks: pa.Table, model: Model) -> None:
    """Many rows are cut at multiples of a block, each message counting on, for one version."""
    many = pa.concat_tables([blocks] * (70_000 // blocks.num_rows + 1))
    call = requests.denoise("tiny", many, requests.Repair(0.5), version=None)
    messages: list[Any] = list(call.messages(client.model("tiny")))
    assert len(messages) > 1
    assert all(message.first_row % model.manifest.block_rows == 0 for message in messages)
    assert {message.version for message in messages} == {1}
    assert sum(from_ipc(message.records).num_rows for message in messages) == many.num_rows


def test_every_form_of_records_is_taken(client: Client, records: pa.Table) -> None:
    """pandas, polars, record batches and dicts give what the Arrow table gives."""
    wanted = client.encode("tiny", records)
    frame = records.to_pandas()
    frame["image"] = [image.reshape(4, 4) for image in frame["image"]]
    assert same(client.encode("tiny", records.combine_chunks().to_batches()[0]), wanted)
    assert same(client.encode("tiny", frame.to_dict("records")), wanted)
    assert same(client.encode("tiny", records.to_pandas()), wanted)
    images = pl.Series("image", np.stack([image.tolist() for image in frame["image"]]))
    polars = pl.from_arrow(records.drop_columns(["image"]))
    assert isinstance(polars, pl.DataFrame)
    assert same(client.encode("tiny", polars.with_columns(images)), wanted)
    one = client.encode("tiny", frame.to_dict("records")[0]).latent
    assert one.equals(wanted.latent.slice(0, 1))


def test_latents_may_be_an_array(client: Client, model: Model) -> None:
    """`decode` takes a matrix, one row a record, as the model does."""
    latent = np.random.default_rng(0).normal(size=(5, model.manifest.latent_dim)).astype(np.float32)
    assert same(client.decode("tiny", latent), model.decode(latent))


def test_denoise_imputes_columns_that_are_left_out(client: Client) -> None:
    """A dict with one value is a record of which all else is imputed."""
    made = client.denoise("tiny", {"age": 33}, threshold=0)
    assert made.records.num_rows == 1
    assert made.records["age"].to_pylist() == [33]
    assert made.records["city"].null_count == 0
    assert not made.changed["age"][0].as_py()
    assert made.changed["city"][0].as_py()
    assert 0 <= made.confidence["city"][0].as_py() <= 1


async def test_the_async_client_answers_alike(
    server: ServerThread, client: Client, records: pa.Table
) -> None:
    """Every method awaited gives what it gives unawaited."""
    async with AsyncClient(server.target) as other:
        assert await other.models() == client.models()
        assert await other.model("tiny") == client.model("tiny")
        assert same(await other.generate("tiny", 500, seed=1), client.generate("tiny", 500, seed=1))
        async with other.generate_batches("tiny", 9000, seed=2) as stream:
            assert (await stream.info()).seed == 2
            assert "tiny" in repr(stream)
            batches = [batch async for batch in stream]
        assert batches == list(client.generate_batches("tiny", 9000, seed=2))
        assert same(await other.denoise("tiny", records), client.denoise("tiny", records))
        latents = await other.encode("tiny", records)
        assert same(latents, client.encode("tiny", records))
        assert same(await other.decode("tiny", latents.latent), client.decode("tiny", latents.latent))
        assert same(await other.reconstruct("tiny", records), client.reconstruct("tiny", records))
        assert same(await other.score("tiny", records), client.score("tiny", records))
        ends = records[:2], records[2:4]
        assert same(await other.interpolate("tiny", *ends), client.interpolate("tiny", *ends))
        assert repr(other) == f"AsyncClient({server.target!r})"


async def test_the_async_client_cuts_large_tables_too(
    server: ServerThread, records: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces give what the whole gives."""
    async with AsyncClient(server.target) as client:
        whole = await client.denoise("tiny", records)
        monkeypatch.setattr(calls, "_CALL_BYTES", 5000)
        assert requests.denoise("tiny", records, requests.Repair(0.5), version=None).is_large
        pieces = await client.denoise("tiny", records)
    assert pieces.records.num_rows == 50
    assert pieces.unseen == whole.unseen
    assert pieces.records["key"].equals(whole.records["key"])


def test_both_clients_have_the_same_methods() -> None:
    """Names and parameters are alike; only closing is named after its kind."""

    def methods(kind: type) -> dict[str, list[str]]:
        public = {name: member for name, member in vars(kind).items() if not name.startswith("_")}
        return {name: list(inspect.signature(member).parameters) for name, member in public.items()}

    sync, other = methods(Client), methods(AsyncClient)
    assert other.pop("aclose") == sync.pop("close")
    assert other == sync


def test_a_pandas_index_is_no_column(client: Client, records: pa.Table) -> None:
    """The index of a data frame, named or not, is left out."""
    frame = records.to_pandas()
    wanted = client.encode("tiny", records)
    for index in (pd.Index(range(100, 150)), pd.Index([f"r{n}" for n in range(50)], name="row")):
        assert same(client.encode("tiny", frame.set_index(index)), wanted)
