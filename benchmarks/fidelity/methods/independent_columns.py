"""The floor: every column drawn by itself from its real values. Marginals perfect, relations none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from fidelity.methods import Task

__all__ = ["fit"]


class _Fitted:
    def __init__(self, train: pa.Table) -> None:
        self.details: dict[str, float] = {}
        self._train = train

    def sample(self, rows: int, *, seed: int) -> pa.Table:
        """Draw each column's cells with replacement."""
        rng = np.random.default_rng(seed)
        there = self._train.num_rows
        columns = [column.take(pa.array(rng.integers(there, size=rows))) for column in self._train.columns]
        return pa.table(columns, schema=self._train.schema)


def fit(task: Task) -> _Fitted:
    """Keep the rows."""
    return _Fitted(task.train)
