"""scikit-learn's boosted trees as all judges here use them, and the matrices that they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from augment.evaluation.rows import Rows

__all__ = ["boosted_classifier", "boosted_regressor", "fit", "folds", "guess_unseen", "tree_matrix"]

MAX_LEVELS = 200  # the trees take at most 255 levels; rarer ones count as one
_EARLY = "auto"
_FOLDS = 3


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


def fit(trees: Any, matrix: NDArray[np.float64], answers: NDArray[Any]) -> Any:
    """Fit the trees; columns without a present cell, which scikit-learn refuses, are constants to them."""
    empty = np.isnan(matrix).all(axis=0)
    return trees.fit(np.where(empty, 0.0, matrix) if empty.any() else matrix, answers)


def folds(truth: NDArray[np.int64], seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return three pairs of rows to learn from and rows to guess, each row guessed once."""
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - slow to import

    return list(StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(truth, truth))


def guess_unseen(
    trees: Any, matrix: NDArray[np.float64], truth: NDArray[np.int64], seed: int
) -> NDArray[Any]:
    """Return each row's chance of being of class 1, by a model that did not see it; shape (rows,)."""
    guesses = np.empty(len(truth))
    for seen, unseen in folds(truth, seed):
        guesses[unseen] = fit(trees, matrix[seen], truth[seen]).predict_proba(matrix[unseen])[:, 1]
    return guesses
