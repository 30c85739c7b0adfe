"""Ray Data: rows equal those of the library, in any number of parts and blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augment.errors import RecordsError, RequestError
from augment.runtime import Model
from augment_proto.receipt import Receipt

ray: Any = pytest.importorskip("ray", reason="Ray is not installed: make test-scale")
pytest.importorskip("ray.data")

from augment.scale.operations import Denoise, Encode, Score  # noqa: E402
from augment.scale.ray import denoise, encode, generate, numbered, score  # noqa: E402
from tests.scale.tables import same, whole  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Ray on this machine, with two processors."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 2**20)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def model(tiny_bundle: Path) -> Model:
    """The library's."""
    return Model.open(tiny_bundle, threads=1)


@pytest.fixture(scope="module")
def records(table: pa.Table) -> pa.Table:
    """Records without text and identifiers."""
    return table.drop_columns(["note", "key"])


def all_rows(ds: Any) -> pa.Table:
    """Return a dataset's rows as one table."""
    tables = [table for table in ds.iter_batches(batch_size=None, batch_format="pyarrow") if table.num_rows]
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


@pytest.mark.parametrize("part_rows", [500, 250, 170])
def test_generated_rows_are_those_of_the_library(model: Model, tiny_bundle: Path, part_rows: int) -> None:
    """In 1, 2 and 3 parts, and in order."""
    ds = generate(tiny_bundle, 400, seed=5, part_rows=part_rows, row_column="_row")
    made = all_rows(ds)
    assert made["_row"].to_pylist() == [*range(400)]
    wanted = model.generate(400, seed=5)
    assert same(made.drop_columns(["_row"]), wanted)
    assert made.schema.remove(made.num_columns - 1).equals(wanted.schema)


def test_conditions_and_balance_are_kept(model: Model, tiny_bundle: Path) -> None:
    """From an offset on, in parts."""
    asked: dict[str, Any] = {"seed": 2, "offset": 33, "conditions": ["member = true"], "balance": "class"}
    made = all_rows(generate(tiny_bundle, 100, part_rows=64, **asked))
    assert same(made, model.generate(100, **asked))


def test_a_dataset_carries_its_receipt(model: Model, tiny_bundle: Path, tmp_path: Path) -> None:
    """In its batches and in the Parquet files that Ray writes."""
    ds = generate(tiny_bundle, 90, seed=4, part_rows=64)
    wanted = Receipt("tiny", 1, model.digest, "generate", rows=90, seed=4, sampler=model.samplers[0])
    assert Receipt.of(all_rows(ds).schema) == wanted
    ds.write_parquet(str(tmp_path / "parts"))
    files = sorted((tmp_path / "parts").iterdir())
    assert files
    assert [Receipt.of(pq.read_schema(file)) for file in files] == [wanted] * len(files)


@pytest.mark.parametrize("blocks", [1, 2, 3])
@pytest.mark.parametrize("way", [(denoise, Denoise()), (encode, Encode()), (score, Score())], ids=str)
def test_numbered_rows_give_what_the_library_makes_of_the_whole_table(
    model: Model, tiny_bundle: Path, records: pa.Table, blocks: int, way: tuple[Any, Any]
) -> None:
    """In any number of blocks; identifiers are made of the numbers."""
    function, operation = way
    ds = numbered(ray.data.from_arrow(records).repartition(blocks))
    made = all_rows(function(ds, tiny_bundle))
    assert made["_row"].to_pylist() == [*range(records.num_rows)]
    assert same(made.drop_columns(["_row"]), whole(model, operation, records))


def test_what_is_appended_chains(model: Model, tiny_bundle: Path, records: pa.Table) -> None:
    """Latent vectors do not hinder scores."""
    made = all_rows(score(encode(ray.data.from_arrow(records), tiny_bundle), tiny_bundle))
    assert made["score"].equals(model.score(records).scores["score"])


def test_rows_without_numbers_are_refused_where_identifiers_are_made(
    tiny_bundle: Path, records: pa.Table
) -> None:
    """Before anything runs."""
    with pytest.raises(RecordsError, match="numbered"):
        denoise(ray.data.from_arrow(records), tiny_bundle)


def test_columns_that_do_not_fit_are_refused_beforehand(tiny_bundle: Path, table: pa.Table) -> None:
    """The message names the column."""
    with pytest.raises(RecordsError, match=r"columns\.age must be there"):
        score(ray.data.from_arrow(table.drop_columns(["age"])), tiny_bundle)
    with pytest.raises(RequestError, match="threshold"):
        denoise(ray.data.from_arrow(table), tiny_bundle, threshold=2)


def test_a_column_of_another_type_is_named_with_what_was_expected_and_found(
    tiny_bundle: Path, table: pa.Table
) -> None:
    """Beforehand where Ray knows the type, else by the actor that meets it."""
    wrong = table.set_column(1, "age", [["old"] * table.num_rows])
    ds = ray.data.from_arrow(wrong)
    rule = r"columns\.age must be integer \(int64\), got string"
    with pytest.raises(RecordsError, match=rule):
        score(ds, tiny_bundle)
    unknown = ds.map_batches(lambda block: block, batch_format="pyarrow")
    with pytest.raises(Exception, match=rule):
        all_rows(score(unknown, tiny_bundle))


def test_empty_blocks_give_no_rows(tiny_bundle: Path, table: pa.Table) -> None:
    """A filter that leaves nothing is no error."""
    ds = ray.data.from_arrow([table.slice(0, 10), table.slice(0, 0)])
    assert score(ds, tiny_bundle).count() == 10
