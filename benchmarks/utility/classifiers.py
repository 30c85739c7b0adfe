"""What is trained on the augmented rows, and how it is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from utility.datasets import Fold, Problem

__all__ = ["METRICS", "scores"]

METRICS = {"average precision": 1, "balanced accuracy": 1, "log loss": -1}
"""Each metric, and whether more of it is better (1) or less (-1)."""
_SUREST = 0.001


def scores(
    problem: Problem, fold: Fold, augmented: tuple[pd.DataFrame, NDArray[np.bool_]]
) -> dict[str, dict[str, float]]:
    """Return by classifier and metric what classifiers of the augmented rows are worth on the test rows."""
    features, positive = augmented
    numbers = problem.features.select_dtypes("number").columns
    prepare = make_column_transformer(
        (StandardScaler(), numbers),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            problem.features.columns.difference(numbers),
        ),
    )
    train, test = prepare.fit_transform(features), prepare.transform(problem.features.iloc[fold.test])
    truth = problem.positive[fold.test]
    return {
        name: _judged(classifier.fit(train, positive).predict_proba(test)[:, 1], truth)
        for name, classifier in _classifiers().items()
    }


def _classifiers() -> dict[str, Any]:
    return {
        "logistic regression": LogisticRegression(max_iter=2000),
        "kNN": KNeighborsClassifier(),
        "boosted trees": HistGradientBoostingClassifier(random_state=0),
    }


def _judged(probability: NDArray[np.float64], truth: NDArray[np.bool_]) -> dict[str, float]:
    """Return the metrics; kNN says 0 and 1, which log loss takes for 0.001 and 0.999."""
    return {
        "average precision": float(average_precision_score(truth, probability)),
        "balanced accuracy": float(balanced_accuracy_score(truth, probability >= 0.5)),  # noqa: PLR2004
        "log loss": float(log_loss(truth, np.clip(probability, _SUREST, 1 - _SUREST))),
    }
