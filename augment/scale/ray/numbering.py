"""Numbers the rows of a dataset."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import ray
import ray.data

from augment.scale.addresses import ROW_COLUMN, with_rows

if TYPE_CHECKING:
    import pyarrow as pa
    from ray.data import Dataset

__all__ = ["numbered"]


def numbered(ds: Dataset, *, first: int = 0, row_column: str = ROW_COLUMN) -> Dataset:
    """Return the dataset with each row's number in a last column.

    How many rows are before a block is known only once these are there: so the dataset is computed now,
    into Ray's object store, which spills to disk what memory does not hold. This process sees the
    number of rows of each block, and no row. Where files say how many rows they have, number them as they
    are read instead.

    Args:
        ds: Any dataset.
        first: The number of the first row.
        row_column: The name of the column.

    Raises:
        RequestError: There is a column of that name already.
    """
    ds.context.execution_options.preserve_order = True
    blocks = ds.to_arrow_refs()
    count = ray.remote(_rows)
    counts = ray.get([count.remote(block) for block in blocks])
    starts = accumulate(counts, initial=first)
    number = ray.remote(_number)
    made = [number.remote(block, start, row_column) for block, start in zip(blocks, starts, strict=False)]
    numbered_ds: Dataset = ray.data.from_arrow_refs(made)
    numbered_ds.context.execution_options.preserve_order = True
    return numbered_ds


def _rows(block: pa.Table) -> int:
    return int(block.num_rows)


def _number(block: pa.Table, first: int, name: str) -> pa.Table:
    return with_rows(block, np.arange(first, first + block.num_rows), name)
