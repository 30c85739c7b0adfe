"""Rows of a `SyntheticDataset`, for tests: as Python has them, and as any worker would see them."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import pyarrow as pa
import torch.utils.data._utils.worker as torch_worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from augment_client.torch import SyntheticDataset

__all__ = ["as_worker", "counted", "records", "rows_of", "told"]


def records(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch itself: the transform of who wants the records."""
    return batch


def rows_of(batches: Iterable[Any]) -> list[str]:
    """Return each row as text."""
    return [repr(sorted(row.items())) for batch in batches for row in batch.to_pylist()]


def counted(table: pa.Table, *, synthetic: bool) -> Counter[str]:
    """Return how often each row of a table is to come."""
    marked = table.append_column("_synthetic", pa.array([synthetic] * table.num_rows))
    return Counter(rows_of([marked]))


def told(dataset: SyntheticDataset, epoch: int = 0) -> list[str]:
    """Return the rows of an epoch."""
    dataset.set_epoch(epoch)
    return rows_of(dataset)


@contextmanager
def as_worker(worker: int, workers: int, dataset: SyntheticDataset) -> Iterator[None]:
    """Let this process be a worker of a `DataLoader`."""
    info = torch_worker.WorkerInfo(id=worker, num_workers=workers, seed=0, dataset=dataset)
    with mock.patch.object(torch_worker, "_worker_info", info):
        yield
