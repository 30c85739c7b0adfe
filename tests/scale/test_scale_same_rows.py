from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from augment.scale.run import run_step
from augment_client import Client
from augment_proto.receipt import Receipt
from tests.scale.steps import config_of, given_rows, manifest_of, parts_of, rows_of, write_inputs

if TYPE_CHECKING:
    from pathlib import Path

    from augment.runtime import Model
    from tests.server.running import ServerThread

ENGINES = {
    "local, one process, parts of a block": {"part_rows": 512},
    "local, one process, one part a file": {"part_rows": 65_536},
    "local, two processes": {"part_rows": 1_024, "workers": 2},
    "server, one call at a time": {"engine": "server", "part_rows": 65_536},
    "server, three calls in flight": {"engine": "server", "part_rows": 512, "workers": 3},
}


@pytest.fixture(scope="module")
def expected(flat_model: Model, given: pa.Table) -> pa.Table:
    """What the library makes of the two files, and 700 rows of its own."""
    pieces = []
    for start, end in ((0, 700), (700, 1_300)):
        records = given.slice(start, end - start).drop_columns(["note"])
        repaired = flat_model.denoise(records, threshold=0, first_row=start).records
        pieces.append(_told(flat_model, repaired))
    made = flat_model.generate(700, seed=7)
    pieces.append(_told(flat_model, made))
    return pa.concat_tables(pieces).unify_dictionaries()


@pytest.mark.parametrize("settings", ENGINES.values(), ids=ENGINES)
def test_every_engine_and_any_size_of_parts_gives_the_rows_of_the_library(
    settings: dict[str, Any], root: Path, flat_dir: Path, flat_server: ServerThread, expected: pa.Table
) -> None:
    """Imputed, made, encoded, scored: each row is what the library and a client get, to the bit."""
    if settings.get("engine") == "server":
        settings = settings | {"server": flat_server.target}
    run_step(config_of(root, flat_dir, **settings))
    rows = rows_of(root / "out")
    assert_same(rows, expected)
    assert rows["_synthetic"].to_pylist() == [False] * 1_300 + [True] * 700
    assert rows["_row"].to_pylist() == [*range(1_300), *range(700)]
    assert set(rows["_model"].to_pylist()) == {"flat/1"}
    assert rows["_seed"].to_pylist() == [None] * 1_300 + [7] * 700
    with Client(flat_server.target) as client:
        streamed = client.generate("flat", 700, seed=7)
    assert_same(rows.slice(1_300), streamed)


def test_local_and_server_write_the_same_files(root: Path, flat_dir: Path, flat_server: ServerThread) -> None:
    """The same plan gives files with the same sha256, whoever makes them."""
    run_step(config_of(root, flat_dir))
    through = {"engine": "server", "server": flat_server.target, "workers": 2}
    run_step(config_of(root, flat_dir, output=str(root / "served"), **through))
    assert parts_of(root / "served") == parts_of(root / "out")
    assert manifest_of(root / "served")["identity"] == manifest_of(root / "out")["identity"]
    assert manifest_of(root / "served")["parts"] == manifest_of(root / "out")["parts"]


def test_arrays_and_dictionaries_too(models_dir: Path, table: pa.Table, tmp_path: Path) -> None:
    """Images and dictionary columns come out alike from the library, here and through a server."""
    from tests.server.running import threaded_server  # noqa: PLC0415 - for this one bundle

    write_inputs(tmp_path / "in", table, 100)
    operations = ({"do": "denoise"}, {"do": "augment", "factor": 2.0}, {"do": "score"})
    settings = {"model": "tiny", "operations": operations, "part_rows": 64}
    run_step(config_of(tmp_path, models_dir, **settings))
    with threaded_server(models_dir) as server:
        through = {"engine": "server", "server": server.target, "output": str(tmp_path / "served")}
        run_step(config_of(tmp_path, models_dir, **settings, **through))
    assert parts_of(tmp_path / "served") == parts_of(tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert rows.num_rows == 480
    assert rows.schema.field("code").type == pa.dictionary(pa.int32(), pa.string())
    assert rows.schema.field("image").type == pa.fixed_shape_tensor(pa.float32(), (4, 4))


def test_parts_carry_receipts(root: Path, flat_dir: Path) -> None:
    """A part's metadata tells the model and the rows; of synthetic rows all that they can be had by again."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - here alone

    run_step(config_of(root, flat_dir))
    given = Receipt.of(pq.read_schema(root / "out" / "real-00000001.parquet"))
    made = Receipt.of(pq.read_schema(root / "out" / "synthetic-00000001.parquet"))
    assert given is not None
    assert made is not None
    assert (given.operation, given.offset, given.rows) == ("impute, encode, score", 512, 188)
    what = "generate, encode, score"
    assert (made.operation, made.offset, made.rows, made.seed) == (what, 512, 188, 7)
    assert given.digest == made.digest == manifest_of(root / "out")["model"]["digest"]


def test_texts_are_passed_on_and_made_rows_have_none(root: Path, flat_dir: Path, given: pa.Table) -> None:
    """Free text, which no model learns, stays beside its row."""
    run_step(config_of(root, flat_dir))
    rows = rows_of(root / "out")
    assert rows["note"].to_pylist() == [*given["note"].to_pylist(), *[None] * 700]
    assert rows.column_names[:10] == given.column_names


def test_rows_are_made_from_nothing(root: Path, flat_dir: Path, flat_model: Model) -> None:
    """Without an input there are synthetic rows alone, those of `augment generate`."""
    operations = [{"do": "augment", "rows": 900, "conditions": ["age > 30"], "balance": "class"}]
    run_step(config_of(root, flat_dir, input=None, operations=operations))
    made = flat_model.generate(900, seed=7, conditions=["age > 30"], balance="class")
    assert_same(rows_of(root / "out"), made)


def test_rarer_classes_are_filled_up(flat_dir: Path, tmp_path: Path) -> None:
    """`balance` alone adds rows of the rarer class until there are as many."""
    table = given_rows(600)
    kept = [i for i, value in enumerate(table["class"].to_pylist()) if value == 0 or i % 5 == 0]
    write_inputs(tmp_path / "in", table.take(kept))
    run_step(config_of(tmp_path, flat_dir, operations=[{"do": "augment", "balance": "class"}]))
    rows = rows_of(tmp_path / "out")["class"].to_pylist()
    assert rows.count(0) == rows.count(1)
    assert set(rows[len(kept) :]) == {1}


def test_rows_beyond_a_percentile_are_left_out(root: Path, flat_dir: Path) -> None:
    """A filter drops rows and changes none of the others, whatever the size of the parts."""
    run_step(config_of(root, flat_dir))
    operations = [
        {"do": "impute"},
        {"do": "augment", "rows": 2_000},
        {"do": "score", "max_percentile": 80},
        {"do": "encode"},
    ]
    all_rows = rows_of(root / "out")
    for size in (512, 65_536):
        output = root / f"filtered-{size}"
        settings = {"operations": operations, "output": str(output), "part_rows": size}
        run_step(config_of(root, flat_dir, **settings))
        kept = rows_of(output)
        wanted = all_rows.filter(pa.compute.less_equal(all_rows["percentile"], 80))
        assert_same(kept, wanted)
        assert 0 < kept.num_rows < 2_000
        assert manifest_of(output)["rows"] == kept.num_rows


def _told(model: Model, records: pa.Table) -> pa.Table:
    latent, scores = model.encode(records).latent, model.score(records).scores
    for name, column in zip(
        [*latent.column_names, *scores.column_names], [*latent.columns, *scores.columns], strict=True
    ):
        records = records.append_column(name, column)
    return records


def assert_same(rows: pa.Table, expected: pa.Table) -> None:
    """Fail unless the columns are equal to the bit; Parquet keeps seconds as milliseconds."""
    schema = pa.schema([field.with_metadata(None) for field in expected.schema])
    assert (
        rows.select(expected.column_names).cast(schema).combine_chunks()
        == expected.cast(schema).combine_chunks()
    )
