"""TabularARGN of mostlyai-engine (Apache-2.0), at its default settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import torch
from mostlyai.engine import TabularARGN

if TYPE_CHECKING:
    from fidelity.methods import Task

__all__ = ["fit"]


class _Fitted:
    def __init__(self, model: TabularARGN) -> None:
        self._model = model
        self.details: dict[str, float] = {}

    def sample(self, rows: int, *, seed: int) -> pa.Table:
        """Its generator goes on from where it stands: it takes a seed with `fit` only."""
        del seed
        return pa.Table.from_pandas(self._model.sample(n_samples=rows), preserve_index=False)


def fit(task: Task) -> _Fitted:
    """Its own analysis, splitting, encoding and training, as `TabularARGN().fit` does them."""
    torch.set_num_threads(task.threads)
    model = TabularARGN(random_state=task.seed)
    model.fit(task.train.to_pandas())
    return _Fitted(model)
