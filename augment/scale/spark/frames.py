"""Rows generated, denoised, encoded and scored by the Python workers of Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql.types import LongType, StructField, StructType

from augment.runtime.checks import checked_integer
from augment.scale.addresses import ROW_COLUMN
from augment.scale.applying import Denoise, Encode, Score, applied, fit
from augment.scale.generating import PART_ROWS, Generation
from augment.scale.shipping import model_from, source_of
from augment.scale.spark.types import arrow_schema, spark_batches, spark_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from augment.data import Balance
    from augment.runtime import Model
    from augment.runtime.asked import ConditionsLike
    from augment.scale.applying import Operation
    from augment.scale.shipping import Source

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
        bundle: The bundle's directory here.
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
    model, source = source_of(bundle, shared=shared)
    asked = Generation(
        rows, seed, offset, sampler, conditions, balance, steps, part_rows, row_column
    ).checked(model)
    count = checked_integer("threads", threads, 1, 1024)
    most = _MOST_TASKS if partitions is None else checked_integer("partitions", partitions, 1, 2**31 - 1)
    numbers = spark.range(0, asked.parts, 1, min(asked.parts, most))
    return numbers.mapInArrow(_generating(source, asked, count), spark_schema(asked.schema(model)))


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
        bundle: The bundle's directory here.
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
    return _applied(df, bundle, Denoise(threshold, numbers), row_column, threads, shared=shared)


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
    return _applied(df, bundle, Encode(), row_column, threads, shared=shared)


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
    return _applied(df, bundle, Score(), row_column, threads, shared=shared)


def _applied(
    df: DataFrame,
    bundle: Path | str,
    operation: Operation,
    row_column: str | None,
    threads: int,
    *,
    shared: bool,
) -> DataFrame:
    model, source = source_of(bundle, shared=shared)
    model.joint.require(operation.name)
    count = checked_integer("threads", threads, 1, 1024)
    fit(model, operation, arrow_schema(df.schema), row_column)
    work = _applying(source, operation, row_column, count)
    return df.mapInArrow(work, _schema(df, model, operation, row_column))


def _schema(df: DataFrame, model: Model, operation: Operation, row_column: str | None) -> StructType:
    made = spark_schema(operation.schema(model))
    if operation.appends:
        return StructType([*df.schema.fields, *made.fields])
    numbers = [StructField(row_column, LongType())] if row_column in df.columns else []
    return StructType([*made.fields, *numbers])


def _generating(
    source: Source, asked: Generation, threads: int
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what a worker does with batches of part numbers, in the column `id`."""

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            model = model_from(source, threads)
            for part in batch.column(0).to_pylist():
                for table in asked.tables(model, part):
                    yield from spark_batches(table)

    return work


def _applying(
    source: Source, operation: Operation, row_column: str | None, threads: int
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what a worker does with batches of records."""

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            model = model_from(source, threads)
            given = pa.Table.from_batches([batch])
            for table in applied(model, operation, given, row_column):
                yield from table.to_batches() if operation.appends else spark_batches(table)

    return work
