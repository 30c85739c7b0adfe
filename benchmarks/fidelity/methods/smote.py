"""SMOTE as a generator: rows between a real row and one of its five nearest of the same class.

Used as TabDDPM's authors use it (arXiv:2209.15421, section 4): every class is oversampled and the new rows
alone are kept. Where the target is a number, the classes are its two halves about the median, and the
target itself is interpolated like any other column.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTENC

from fidelity.methods.filled import Filled

if TYPE_CHECKING:
    import pyarrow as pa

    from fidelity.methods import Task

__all__ = ["fit"]


class _Fitted:
    """The real rows: SMOTE learns nothing, and does its work in `sample`."""

    def __init__(self, task: Task) -> None:
        self.details: dict[str, float] = {}
        self._filled = Filled.of(task)
        frame = self._filled.frame
        target = frame[task.target]
        self._classes = target if task.classes else (target > target.median()).map(str)
        self._features = frame.drop(columns=[task.target]) if task.classes else frame
        self._target = task.target

    def sample(self, rows: int, *, seed: int) -> pa.Table:
        """Return new rows in random order, the classes in the real rows' proportion."""
        there = len(self._classes)
        wanted = {
            label: count + math.ceil(count * rows / there)
            for label, count in self._classes.value_counts().items()
        }
        made, classes = self._sampler(wanted, seed).fit_resample(self._features, self._classes)
        frame = pd.DataFrame(made)
        if self._target not in frame:
            frame[self._target] = np.asarray(classes)
        order = there + np.random.default_rng(seed).permutation(len(frame) - there)[:rows]
        return self._filled.table(frame.iloc[order].reset_index(drop=True))

    def _sampler(self, wanted: dict[object, int], seed: int) -> SMOTE:
        levels = [name for name in self._filled.categories if name in self._features]
        if levels:
            return SMOTENC(levels, sampling_strategy=wanted, random_state=seed)
        return SMOTE(sampling_strategy=wanted, random_state=seed)


def fit(task: Task) -> _Fitted:
    """Keep the rows."""
    return _Fitted(task)
