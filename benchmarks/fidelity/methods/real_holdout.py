"""The ceiling: fresh real rows. Half of the holdout stands in for synthetic rows, the other half judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from fidelity.cell import HOLDOUT

if TYPE_CHECKING:
    import pyarrow as pa

    from fidelity.methods import Task

__all__ = ["fit"]


class _Fitted:
    def __init__(self, rows: pa.Table) -> None:
        self.details: dict[str, float] = {}
        self._rows = rows

    def sample(self, rows: int, *, seed: int) -> pa.Table:
        """Return the half; there are no more real rows than it has."""
        del seed
        return self._rows.slice(0, rows)


def fit(task: Task) -> _Fitted:
    """Halve the holdout by the seed, and leave the judge the other half as its holdout."""
    order = np.random.default_rng(task.seed).permutation(task.holdout.num_rows)
    half = len(order) // 2
    pq.write_table(task.holdout.take(order[half:]), task.directory / HOLDOUT)
    return _Fitted(task.holdout.take(order[:half]))
