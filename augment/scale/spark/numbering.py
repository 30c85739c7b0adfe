"""Numbers the rows of a frame."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql.types import LongType, StructField, StructType

from augment.errors import RequestError
from augment.scale.addresses import ROW_COLUMN, with_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyspark.sql import DataFrame

__all__ = ["numbered"]

_COUNTS = StructType([StructField("partition", LongType()), StructField("rows", LongType())])


def numbered(df: DataFrame, *, first: int = 0, row_column: str = ROW_COLUMN) -> DataFrame:
    """Return the frame with each row's number in a last column, partition after partition.

    The frame is persisted, for it is read twice: once now, to count the rows of each partition, and once
    when it is used; `df.unpersist()` when that is done. This process sees one number for each partition.

    Args:
        df: Any frame.
        first: The number of the first row.
        row_column: The name of the column.

    Raises:
        RequestError: There is a column of that name already.
    """
    if row_column in df.columns:
        raise RequestError.of("row_column", "must not be the name of another column", row_column)
    df = df.persist()
    counts = sorted((row.partition, row.rows) for row in df.mapInArrow(_counted, _COUNTS).collect())
    starts = accumulate((count for _, count in counts), initial=first)
    begins = {partition: start for (partition, _), start in zip(counts, starts, strict=False)}
    schema = StructType([*df.schema.fields, StructField(row_column, LongType(), nullable=False)])

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _numbered(batches, begins, row_column)

    return df.mapInArrow(work, schema)


def _partition() -> int:
    context = TaskContext.get()
    assert context is not None  # noqa: S101 - this runs in a task
    return int(context.partitionId())


def _counted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    rows = sum(batch.num_rows for batch in batches)
    yield pa.RecordBatch.from_pydict({"partition": [_partition()], "rows": [rows]})


def _numbered(
    batches: Iterable[pa.RecordBatch], begins: Mapping[int, int], name: str
) -> Iterator[pa.RecordBatch]:
    row = begins[_partition()]
    for batch in batches:
        table = pa.Table.from_batches([batch])
        yield from with_rows(table, np.arange(row, row + batch.num_rows), name).to_batches()
        row += batch.num_rows
