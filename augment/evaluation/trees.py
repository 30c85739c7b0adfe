"""scikit-learn's boosted trees as all judges here use them, and the matrices that they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from augment.evaluation.rows import Rows

__all__ = ["boosted_classifier", "boosted_regressor", "tree_matrix"]

MAX_LEVELS = 200  # the trees take at most 255 levels; rarer ones count as one
_EARLY = "auto"


def boosted_classifier(
    categorical: Sequence[bool], seed: int, *, iterations: int, early_stopping: bool = False
) -> Any:
    """Return an unfitted classifier; each iteration grows one tree for every class beyond two."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - slow to import

    return HistGradientBoostingClassifier(
        max_iter=iterations,
        learning_rate=0.1,
        early_stopping=_EARLY if early_stopping else False,
        categorical_features=list(categorical),
        random_state=seed,
    )


def boosted_regressor(categorical: Sequence[bool], seed: int, *, iterations: int) -> Any:
    """Return an unfitted regressor."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - slow to import

    return HistGradientBoostingRegressor(
        max_iter=iterations, learning_rate=0.1, categorical_features=list(categorical), random_state=seed
    )


def tree_matrix(rows: Rows) -> tuple[NDArray[np.float64], list[bool]]:
    """Return numbers, then level codes, shape (rows, columns), and which columns hold codes."""
    codes = np.minimum(rows.codes, MAX_LEVELS)
    matrix = np.concatenate([rows.numbers, codes.astype(np.float64)], axis=1)
    return matrix, [False] * rows.numbers.shape[1] + [True] * codes.shape[1]
