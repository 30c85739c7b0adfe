"""Spark: rows equal those of the library, in any number of partitions, in Spark's types."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from augment.errors import RecordsError, RequestError
from augment.runtime import Model

pytest.importorskip("pyspark", reason="Spark is not installed: make test-scale")
if shutil.which("java") is None:
    pytest.skip("Spark needs a Java, which this machine has not", allow_module_level=True)

from augment.scale.delivery import Delivery, delivery_of
from augment.scale.operations import Denoise, Encode, Score
from augment.scale.spark import denoise, encode, frames, generate, numbered, score
from augment.scale.spark.types import spark_batches, spark_schema
from tests.scale.tables import same, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """Spark on this machine, on two processors."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - with Spark alone

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)  # else the first python3 of the path, whoever's it is
        session = (
            SparkSession.builder.master("local[2,4]")  # where a task may fail 4 times
            .config("spark.ui.enabled", "false")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.driver.memory", "1g")
            .config("spark.sql.shuffle.partitions", "2")
            .getOrCreate()
        )
        yield session
        session.stop()


@pytest.fixture(scope="module")
def model(tiny_bundle: Path) -> Model:
    """The library's."""
    return Model.open(tiny_bundle, threads=1)


@pytest.fixture(scope="module")
def records(table: pa.Table) -> pa.Table:
    """Records without text and identifiers, with plain categories, in Spark's types."""
    plain = table.drop_columns(["note", "key"])
    return pa.Table.from_batches(spark_batches(plain))


def in_spark(table: pa.Table) -> pa.Table:
    """Return a table in the types that Spark gives back."""
    return pa.Table.from_batches(spark_batches(table))


@pytest.mark.parametrize("part_rows", [500, 250, 170])
def test_generated_rows_are_those_of_the_library(
    spark: Any, model: Model, tiny_bundle: Path, part_rows: int
) -> None:
    """In 1, 2 and 3 parts, and in order."""
    df = generate(spark, tiny_bundle, 400, seed=5, part_rows=part_rows, row_column="_row")
    made = df.toArrow()
    assert made["_row"].to_pylist() == [*range(400)]
    assert same(made.drop_columns(["_row"]), in_spark(model.generate(400, seed=5)))


def test_few_partitions_make_many_parts(spark: Any, model: Model, tiny_bundle: Path) -> None:
    """From an offset on, under conditions."""
    asked: dict[str, Any] = {"seed": 2, "offset": 33, "conditions": ["member = true"], "balance": "class"}
    df = generate(spark, tiny_bundle, 300, part_rows=64, partitions=2, **asked)
    assert df.rdd.getNumPartitions() == 2
    assert same(df.toArrow(), in_spark(model.generate(300, **asked)))


@pytest.mark.parametrize("partitions", [1, 2, 3])
@pytest.mark.parametrize("way", [(denoise, Denoise()), (encode, Encode()), (score, Score())], ids=str)
def test_numbered_rows_give_what_the_library_makes_of_the_whole_table(
    spark: Any, model: Model, tiny_bundle: Path, records: pa.Table, partitions: int, way: tuple[Any, Any]
) -> None:
    """In any number of partitions; identifiers are made of the numbers."""
    function, operation = way
    ordered = spark.createDataFrame(records).coalesce(1)
    df = numbered(ordered).repartitionByRange(partitions, "_row") if partitions > 1 else numbered(ordered)
    made = function(df, tiny_bundle).toArrow().sort_by("_row")
    assert made["_row"].to_pylist() == [*range(records.num_rows)]
    assert same(made.drop_columns(["_row"]), in_spark(whole(model, operation, records)))


def test_rows_are_numbered_through_partitions(spark: Any) -> None:
    """From 0 without a gap, in the order of partitions; some are empty."""
    df = numbered(spark.range(0, 100, 1, 7).filter("id < 40 or id > 70"), first=3)
    made = df.toArrow()
    assert made["_row"].to_pylist() == [*range(3, 3 + 69)]
    with pytest.raises(RequestError, match="row_column"):
        numbered(df)


def test_columns_that_do_not_fit_are_refused_beforehand(
    spark: Any, tiny_bundle: Path, records: pa.Table
) -> None:
    """The message names the column."""
    df = spark.createDataFrame(records)
    with pytest.raises(RecordsError, match=r"columns\.age must be there"):
        score(df.drop("age"), tiny_bundle)
    with pytest.raises(RecordsError, match="numbered"):
        denoise(df, tiny_bundle)


def test_a_column_of_another_type_is_named_with_what_was_expected_and_found(
    spark: Any, tiny_bundle: Path, records: pa.Table
) -> None:
    """Before anything runs; a cell that does not fit, by the worker that meets it."""
    df = spark.createDataFrame(records)
    with pytest.raises(RecordsError, match=r"columns\.age must be integer \(int64\), got string"):
        score(df.withColumn("age", df["age"].cast("string")), tiny_bundle)
    halves = df.withColumn("age", df["age"] + 0.5)
    with pytest.raises(Exception, match=r"columns\.age\.rows\[0\] must fit int64"):
        score(halves, tiny_bundle).toArrow()


@dataclass(frozen=True)
class Deadly(Delivery):
    """Ends the worker that it reaches first; `died` is the mark of it."""

    died: Path

    def model(self) -> Model:
        """Return the model, but die the first time."""
        try:
            self.died.touch(exist_ok=False)
        except FileExistsError:
            return super().model()
        os._exit(1)


@dataclass(frozen=True)
class Fresh(Delivery):
    """Is opened anew: a worker that has the bundle from before keeps it."""

    def model(self) -> Model:
        """Return the model."""
        return self.open()


def sent_as(kind: type[Delivery], *more: object) -> Callable[..., tuple[Model, Delivery]]:
    """Return what stands for `delivery_of`: bundles are sent in this way."""

    def made(bundle: Path, threads: int, *, shared: bool) -> tuple[Model, Delivery]:
        model, sent = delivery_of(bundle, threads, shared=shared)
        return model, kind(sent.place, sent.digest, sent.threads, sent.files, *more)

    return made


def test_a_killed_worker_changes_nothing(
    spark: Any, model: Model, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark has its partition made again."""
    monkeypatch.setattr(frames, "delivery_of", sent_as(Deadly, tmp_path / "died"))
    made = generate(spark, tiny_bundle, 300, seed=1, part_rows=64).toArrow()
    assert (tmp_path / "died").exists()
    assert same(made, in_spark(model.generate(300, seed=1)))


def test_a_shared_bundle_that_workers_do_not_have_is_told(
    spark: Any, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its path and what to do."""
    bundle = tmp_path / "models" / "tiny" / "1"
    shutil.copytree(tiny_bundle, bundle)
    monkeypatch.setattr(frames, "delivery_of", sent_as(Fresh))
    df = generate(spark, bundle, 10, shared=True)
    shutil.rmtree(bundle)
    with pytest.raises(Exception, match=f"bundle {bundle}: is not on this worker"):
        df.toArrow()


TYPES = {
    "tiny": pa.array([1, None], pa.uint8()),
    "small": pa.array([2**16 - 1, None], pa.uint16()),
    "middle": pa.array([2**32 - 1, None], pa.uint32()),
    "large": pa.array([2**64 - 1, None], pa.uint64()),
    "half": pa.array(np.array([0.5, 1.5], np.float16)),
    "text": pa.array(["a", None], pa.large_string()),
    "level": pa.array(["x", None]).dictionary_encode(),
    "number_level": pa.array([3, None], pa.int16()).dictionary_encode(),
    "nothing": pa.nulls(2),
    "day": pa.array([dt.date(2024, 1, 2), None], pa.date64()),
    "local": pa.array([dt.datetime(2024, 1, 2, 3), None], pa.timestamp("ns")),  # noqa: DTZ001 - has no zone
    "moment": pa.array([dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC), None], pa.timestamp("s", "UTC")),
    "price": pa.array([None, 12], pa.int64()).cast(pa.decimal128(21, 2)),
    "series": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
    "image": pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(8, dtype=np.float32).reshape(2, 2, 2)),
}


def test_every_type_reaches_spark_and_comes_back(spark: Any) -> None:
    """With its values; tensors flat, and their shape in the column's metadata."""
    table = pa.table(TYPES)
    batches = spark_batches(table)

    def give(given: Any) -> Any:
        for batch in given:
            if batch.num_rows:
                yield from batches

    df = spark.range(0, 1, 1, 1).mapInArrow(give, spark_schema(table.schema))
    found = {name: kind for name, kind in df.dtypes}  # noqa: C416 - pairs
    assert found["tiny"] == "smallint"
    assert found["large"] == "decimal(20,0)"
    assert found["local"] == "timestamp_ntz"
    assert found["moment"] == "timestamp"
    assert found["series"] == found["image"] == "array<float>"
    assert df.schema["image"].metadata == {"shape": [2, 2]}
    made = df.toArrow()
    wanted = pa.Table.from_batches(batches)
    for name in table.column_names:
        assert made[name].to_pylist() == wanted[name].to_pylist(), name
    assert made["large"].to_pylist()[0] == 2**64 - 1
    assert made["image"].to_pylist()[1] == [4.0, 5.0, 6.0, 7.0]
