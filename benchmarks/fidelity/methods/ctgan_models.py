"""What CTGAN and TVAE of the package `ctgan` have in common.

The package's licence (BUSL) forbids offering it as a service: it runs in this benchmark and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from fidelity.methods.filled import Filled

if TYPE_CHECKING:
    import pyarrow as pa

    from fidelity.methods import Task

__all__ = ["FittedModel"]


class FittedModel:
    """A model of the package, at its default settings, with its filled table."""

    def __init__(self, model: Any, task: Task) -> None:
        torch.set_num_threads(task.threads)
        self.details: dict[str, float] = {}
        self._model = model
        self._filled = Filled.of(task)
        model.set_random_state(task.seed)
        model.fit(self._filled.frame, discrete_columns=self._filled.categories)

    def sample(self, rows: int, *, seed: int) -> pa.Table:
        """Its generator is set to the seed for the call."""
        self._model.set_random_state(seed)
        return self._filled.table(self._model.sample(rows))
