"""Finding and repairing cells that hold another row's value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.runtime import Model
    from imputation.coding import Coding
    from imputation.holes import Swaps

__all__ = ["repair_figures"]

_ALL_KEPT = 1e-12
_THRESHOLD = 0.5


def repair_figures(
    coding: Coding, model: Model, swaps: Swaps, truth: NDArray[np.float64]
) -> dict[str, float]:
    """Return how well swapped cells are found, and what becomes of them and of the others.

    `average_precision` is that of one minus the confidence over all given cells, `chance` the share of
    swapped ones. The rest is at threshold 0.5: `found` the share of the swapped cells that are changed;
    `repaired` that of the swapped categories that get their own value back; `rmse_swapped` and
    `rmse_repaired` the standardised errors of swapped numbers before and after; `left_alone` the share of
    the clean cells that are not changed.
    """
    given = ~np.isnan(truth)
    judged = model.denoise(swaps.table, threshold=_ALL_KEPT)
    doubt = 1 - _stacked(judged.confidence, coding)
    made = model.denoise(swaps.table, threshold=_THRESHOLD)
    changed, after = _stacked(made.changed, coding) > 0, coding.matrix(made.records)
    before = coding.matrix(swaps.table)
    category = np.array([coding.is_category(index) for index in range(len(coding.names))])
    clean, swapped = given & ~swaps.swapped, given & swaps.swapped
    figures = {
        "average_precision": float(average_precision_score(swaps.swapped[given], doubt[given])),
        "roc_auc": float(roc_auc_score(swaps.swapped[given], doubt[given])),
        "chance": float(swapped.sum() / given.sum()),
        "found": float(changed[swapped].mean()),
        "left_alone": float(1 - changed[clean].mean()),
    }
    if (where := swapped & category).any():
        figures["repaired"] = float((after[where] == truth[where]).mean())
    if (where := swapped & ~category).any():
        figures["rmse_swapped"] = float(np.sqrt(np.square(before[where] - truth[where]).mean()))
        figures["rmse_repaired"] = float(np.sqrt(np.square(after[where] - truth[where]).mean()))
    return figures


def _stacked(table: object, coding: Coding) -> NDArray[np.float64]:
    return np.stack([table[name].to_numpy().astype(float) for name in coding.names], axis=1)  # type: ignore[index] # a table
