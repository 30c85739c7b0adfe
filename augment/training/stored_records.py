"""Encoded records that stay in a file, as training sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from augment.models import Batch
from augment.training.choosing import choose_rows

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.record_file import RecordFile
    from augment.models import Records

__all__ = ["StoredRecords", "in_memory"]

_MOST_ROWS, _MOST_BYTES = 100_000, 2**28


class StoredRecords:
    """Records of a file without some of them; a batch is read when it is asked for.

    Attributes:
        device: Where batches go.
    """

    def __init__(
        self, file: RecordFile, without: Tensor | None = None, device: torch.device | None = None
    ) -> None:
        self._file = file
        self._without = torch.empty(0, dtype=torch.int64) if without is None else without
        self._places = (self._without - torch.arange(len(self._without))).numpy()
        self.device = device or torch.device("cpu")

    def __len__(self) -> int:
        return len(self._file) - len(self._without)

    def to(self, device: torch.device) -> StoredRecords:
        """Return the same records, whose batches go to `device`."""
        return StoredRecords(self._file, self._without, device)

    def but(self, rows: Tensor) -> StoredRecords:
        """Return all records of the file but those, whose numbers ascend."""
        return StoredRecords(self._file, rows, self.device)

    def rows(self, index: Tensor) -> Batch:
        """Gather records; number `i` is the i-th of those that are not left out.

        >>> # Without 2 and 5: numbers 0, 1, 2, 3, 4 are the file's 0, 1, 3, 4, 6, since 2 - 0 <= 2 and
        >>> # 5 - 1 <= 4.
        """
        wanted = index.cpu().numpy()
        encoded = self._file.gather(wanted + np.searchsorted(self._places, wanted, "right"))
        parts = (encoded.tokens, encoded.residuals, encoded.arrays)
        return Batch(*(torch.from_numpy(part).to(self.device) for part in parts))


def in_memory(records: Records, seed: int) -> Batch:
    """Return records that are in memory as they are; of others 100,000 at most, and at most 256 MiB.

    Args:
        records: The records.
        seed: Chooses, where they are too many.
    """
    if isinstance(records, Batch):
        return records
    one = records.rows(torch.zeros(1, dtype=torch.int64))
    row_bytes = sum(part.numel() * part.element_size() for part in (one.tokens, one.residuals, one.arrays))
    most = min(_MOST_ROWS, _MOST_BYTES // row_bytes)
    if len(records) <= most:
        return records.rows(torch.arange(len(records)))
    return records.rows(choose_rows(len(records), most, torch.Generator().manual_seed(seed)).sort().values)
