"""Detectors: how well can a classifier tell synthetic rows from real ones, and by which columns?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships no types

from augment.evaluation.embedding import Embedding
from augment.evaluation.trees import boosted_classifier, fit, folds, guess_unseen, tree_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.evaluation.rows import Rows

__all__ = ["FEWEST_ROWS", "Detection", "detect", "detect_linearly", "single_column_aucs"]

FEWEST_ROWS = 12  # of each kind; fewer say nothing
_ITERATIONS = 200
_SHUFFLED_ROWS = 5_000  # of a fold, for the importances
_ALONE_ROWS, _ALONE_ITERATIONS = 5_000, 30
_CURVE_POINTS = 200


@dataclass(frozen=True)
class Detection:
    """What the boosted trees found.

    Attributes:
        auc: ROC AUC over the rows that each fold's trees did not see; 0.5 = cannot tell, 1 = always can.
        rows: Real rows, and as many synthetic ones.
        importance: By how much the AUC falls when a column is shuffled; the higher, the more it tells.
        false_positives: Share of real rows taken for synthetic along the ROC curve.
        true_positives: Share of synthetic rows found, at the same places.
    """

    auc: float
    rows: int
    importance: dict[str, float]
    false_positives: tuple[float, ...]
    true_positives: tuple[float, ...]


def detect(real: Rows, synthetic: Rows, *, seed: int, explain: bool = True) -> Detection | None:
    """Set boosted trees on as many real as synthetic rows, in three folds; None with too few rows.

    200 trees at learning rate 0.1, without early stopping, categories and missing cells as such.

    Args:
        real: Real rows.
        synthetic: Synthetic rows, or other real ones to measure the floor.
        seed: Of the drawing, the folds and the shuffling.
        explain: Whether to find out the importances.
    """
    from sklearn.metrics import roc_auc_score, roc_curve  # noqa: PLC0415 - slow to import

    drawn = _balanced(real, synthetic, seed)
    if drawn is None:
        return None
    both, truth = drawn
    matrix, categorical = tree_matrix(both)
    guesses, drops = np.empty(len(truth)), np.zeros(len(both.names))
    random = np.random.default_rng([seed, 1])
    with threadpool_limits(
        1 if len(truth) < 2 * _SHUFFLED_ROWS else None
    ):  # threads wait for each other on few rows
        for train, test in folds(truth, seed):
            trees = fit(
                boosted_classifier(categorical, seed, iterations=_ITERATIONS), matrix[train], truth[train]
            )
            guesses[test] = trees.predict_proba(matrix[test])[:, 1]
            if explain:
                drops += _drops(trees, matrix[test], truth[test], random) / 3
    curve = roc_curve(truth, guesses)
    places = np.linspace(0, 1, _CURVE_POINTS)
    return Detection(
        auc=float(roc_auc_score(truth, guesses)),
        rows=len(truth) // 2,
        importance=dict(zip(both.names, drops.tolist(), strict=True)) if explain else {},
        false_positives=tuple(places.tolist()),
        true_positives=tuple(np.interp(places, curve[0], curve[1]).tolist()),
    )


def detect_linearly(real: Rows, synthetic: Rows, *, seed: int) -> float | None:
    """Return the ROC AUC of a logistic regression on one-hot, standardised rows; None with too few rows."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow to import
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    drawn = _balanced(real, synthetic, seed)
    if drawn is None:
        return None
    both, truth = drawn
    points = Embedding.fit(both)(both).astype(np.float64)
    guesses = guess_unseen(LogisticRegression(max_iter=1_000), points, truth, seed)
    return float(roc_auc_score(truth, guesses))


def single_column_aucs(real: Rows, synthetic: Rows, *, seed: int) -> dict[str, float]:
    """Return what each column alone gives away: the ROC AUC of a few trees that see nothing else."""
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - slow to import

    random = np.random.default_rng([seed, 2])
    drawn = _balanced(real.draw(_ALONE_ROWS, random), synthetic.draw(_ALONE_ROWS, random), seed)
    if drawn is None:
        return {}
    both, truth = drawn
    matrix, categorical = tree_matrix(both)
    found = {}
    with threadpool_limits(1):
        for index, name in enumerate(both.names):
            trees = boosted_classifier([categorical[index]], seed, iterations=_ALONE_ITERATIONS)
            guesses = guess_unseen(trees, matrix[:, [index]], truth, seed)
            found[name] = float(roc_auc_score(truth, guesses))
    return found


def _balanced(real: Rows, synthetic: Rows, seed: int) -> tuple[Rows, NDArray[np.int64]] | None:
    """Return as many real as synthetic rows, and which are synthetic; None with too few."""
    count = min(len(real), len(synthetic))
    if count < FEWEST_ROWS:
        return None
    random = np.random.default_rng([seed, 0])
    return real.draw(count, random).joined(synthetic.draw(count, random)), np.repeat([0, 1], count)


def _drops(
    trees: Any, matrix: NDArray[np.float64], truth: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Return by how much the AUC falls with each column shuffled, shape (columns,)."""
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - slow to import

    picked = random.permutation(len(truth))[:_SHUFFLED_ROWS]
    matrix, truth = matrix[picked], truth[picked]
    if len(np.unique(truth)) == 1:
        return np.zeros(matrix.shape[1])
    whole = roc_auc_score(truth, trees.predict_proba(matrix)[:, 1])
    drops = np.zeros(matrix.shape[1])
    for index in range(matrix.shape[1]):
        shuffled = matrix.copy()
        shuffled[:, index] = random.permutation(shuffled[:, index])
        drops[index] = whole - roc_auc_score(truth, trees.predict_proba(shuffled)[:, 1])
    return drops
