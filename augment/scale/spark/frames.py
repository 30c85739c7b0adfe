"""Rows generated, denoised, encoded and scored by the Python workers of Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql.types import LongType, StructField, StructType

from augment.runtime.asked import checked_conditions
from augment.runtime.checks import checked_integer
from augment.scale.addresses import ROW_COLUMN
from augment.scale.applying import Applying, denoising
from augment.scale.delivery import delivery_of
from augment.scale.generating import PART_ROWS, Generating
from augment.scale.operations import Encode, Score
from augment.scale.spark.types import arrow_schema, spark_batches, spark_schema
from augment.sources.source import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from augment.data import Balance
    from augment.runtime import Model
    from augment.runtime.asked import ConditionsLike
    from augment.scale.delivery import Delivery

__all__ = ["denoise", "encode", "generate", "score"]

_MOST_TASKS = 10_000


def generate(  # noqa: PLR0913 - what `Model.generate` takes, and where it runs
    spark: SparkSession,
    bundle: Path | str,
    rows: int,
    *,
    seed: int = 0,
    offset: int = 0,
    sampler: str | None = None,
    conditions: ConditionsLike | None = None,
    balance: Balance | str | None = None,
    steps: int | None = None,
    part_rows: int = PART_ROWS,
    row_column: str | None = None,
    partitions: int | None = None,
    threads: int = 1,
    shared: bool = False,
) -> DataFrame:
    """Return synthetic records as a frame: row for row those of `Model.generate`, in Spark's types.

    Lazy, and lists no rows: a partition makes the parts whose numbers it has. Partitions are in the order
    of rows; `row_column` says which is which after a shuffle. `augment.scale.spark.types` has the types.

    Args:
        spark: A session, on a cluster or on this machine.
        bundle: The bundle's directory here, or its URL.
        rows: How many, from 1.
        seed: As `Model.generate` takes it; so are the next five.
        offset: The first row.
        sampler: How records are made.
        conditions: What every record satisfies.
        balance: Shares of classes.
        steps: In how many steps a record is made.
        part_rows: Rows of a part, at most.
        row_column: Have a column with each row's number; None: not.
        partitions: How many; None: one for each part, at most 10,000.
        threads: Of each Python worker; Spark counts one (`spark.task.cpus`).
        shared: Workers read the bundle at the same path; else its files are sent to them.

    Raises:
        BundleError: The bundle is not there or broken.
        RequestError: A parameter is out of its range, or a condition impossible.
        UnsupportedError: The model cannot generate, or not what is asked for.
    """
    model, delivery = delivery_of(bundle, threads, shared=shared)
    request = Request(rows, seed, offset, sampler, checked_conditions(conditions), balance, steps)
    task = Generating(request, part_rows, row_column).checked(model)
    most = _MOST_TASKS if partitions is None else checked_integer("partitions", partitions, 1, 2**31 - 1)
    parts = spark.range(0, task.parts, 1, min(task.parts, most)).selectExpr("id AS first", "id + 1 AS stop")
    return parts.mapInArrow(_in_workers(delivery, task), spark_schema(task.schema(model)))


def denoise(
    df: DataFrame,
    bundle: Path | str,
    *,
    threshold: float | None = None,
    numbers: str | None = None,
    row_column: str | None = ROW_COLUMN,
    threads: int = 1,
    shared: bool = False,
) -> DataFrame:
    """Return records with missing cells imputed and doubtful ones repaired; see `Model.denoise`.

    A frame comes in batches, and none knows how many rows are before it. Where that matters the rows have
    to be numbered: a column `row_column`, which `numbered` and `generate` make, and which is kept. With it
    every record is that of `Model.denoise` of the whole table, to the bit, however the frame is cut,
    filtered or shuffled. Without it records are the same but for the last bits of floats, and identifiers
    that are absent cannot be made: that is refused rather than made twice.

    Args:
        df: Records in the model's columns; columns may be left out, text is.
        bundle: The bundle's directory here, or its URL.
        threshold: As `Model.denoise` takes it.
        numbers: Likewise.
        row_column: The column of row numbers, if `df` has it; None: it has none.
        threads: Of each Python worker; Spark counts one (`spark.task.cpus`).
        shared: Workers read the bundle at the same path; else its files are sent to them.

    Raises:
        BundleError: The bundle is not there or broken.
        RequestError: A parameter is out of its range.
        RecordsError: A column is missing, unknown or of another type. What cells tell, Spark's error says
            when it runs.
        UnsupportedError: The model cannot denoise.
    """
    task = Applying(denoising(threshold, numbers), row_column)
    return _applied(df, delivery_of(bundle, threads, shared=shared), task)


def encode(
    df: DataFrame,
    bundle: Path | str,
    *,
    row_column: str | None = ROW_COLUMN,
    threads: int = 1,
    shared: bool = False,
) -> DataFrame:
    """Return the records with latent vectors appended, columns `latent_0` and so on; see `Model.encode`.

    Columns that the model does not know are kept. For the arguments and what is raised see `denoise`.
    """
    return _applied(df, delivery_of(bundle, threads, shared=shared), Applying(Encode(), row_column))


def score(
    df: DataFrame,
    bundle: Path | str,
    *,
    row_column: str | None = ROW_COLUMN,
    threads: int = 1,
    shared: bool = False,
) -> DataFrame:
    """Return the records with columns `score` and, where the bundle can, `percentile` appended.

    See `Model.score`. Columns that the model does not know are kept. For the arguments and what is raised
    see `denoise`.
    """
    return _applied(df, delivery_of(bundle, threads, shared=shared), Applying(Score(), row_column))


def _applied(df: DataFrame, delivered: tuple[Model, Delivery], task: Applying) -> DataFrame:
    model, delivery = delivered
    task.check(model, arrow_schema(df.schema))
    made = spark_schema(task.schema(model)).fields
    if task.appends:
        schema = StructType([*df.schema.fields, *made])
    else:
        numbers = [StructField(task.row_column, LongType())] if task.row_column in df.columns else []
        schema = StructType([*made, *numbers])
    return df.mapInArrow(_in_workers(delivery, task), schema)


def _in_workers(
    delivery: Delivery, task: Applying | Generating
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what a worker does with batches."""
    has_types = isinstance(task, Applying) and task.appends  # Spark's own, which stay as they are

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for table in task.tables(delivery.model(), pa.Table.from_batches([batch])):
                yield from table.to_batches() if has_types else spark_batches(table)

    return work
