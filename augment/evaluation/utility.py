"""What models learn from synthetic rows, from real rows, and from both, tested on real rows unseen by all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships no types

from augment.evaluation.trees import boosted_classifier, boosted_regressor, fit, tree_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.evaluation.rows import Rows

__all__ = ["Utility", "learn"]

FEWEST_ROWS = 12
MAX_CLASSES = 50  # rarer ones count as one
_BINARY = 2
_TREES = 2_000  # at most, over all iterations and classes
_FEW_ROWS = 10_000


@dataclass(frozen=True)
class Utility:
    """Scores on held-out real rows.

    Attributes:
        metric: `ROC AUC`, `accuracy` or `R2`; higher is better in all.
        real: After learning from real rows, as many as there are synthetic ones, if there are.
        synthetic: After learning from as many synthetic rows.
        both: After learning from all real and all synthetic rows.
        all_real: After learning from all real rows.
        baseline: Without learning: chance, always the commonest class, or the mean.
        rows: Rows learnt from in `real` and `synthetic`.
        tested: Held-out rows.
    """

    metric: str
    real: float
    synthetic: float
    both: float
    all_real: float
    baseline: float
    rows: int
    tested: int


@dataclass(frozen=True)
class _Part:
    """Features of shape (rows, columns), answers of shape (rows,)."""

    features: NDArray[np.float64]
    answers: NDArray[Any]

    def __len__(self) -> int:
        return len(self.answers)


def learn(train: Rows, holdout: Rows, synthetic: Rows, target: str, *, seed: int) -> Utility | str:
    """Return the scores, or why there are none. Rows without an answer are left aside.

    A target of two levels is scored by ROC AUC, of more by accuracy, a number by R2.
    """
    real, test, made = (_part(rows, target) for rows in (train, holdout, synthetic))
    if not real.features.shape[1]:
        return f"there is no column to predict {target} from"
    if min(len(part) for part in (real, test, made)) < FEWEST_ROWS:
        return f"fewer than {FEWEST_ROWS} rows of a table have a value of {target}"
    numeric = target in train.number_names
    if len(np.unique(test.answers)) < _BINARY or len(np.unique(real.answers)) < _BINARY:
        return f"{target} has one value only, which leaves nothing to predict"
    count, random = min(len(real), len(made)), np.random.default_rng([seed, 4])
    few = [_drawn(part, count, random) for part in (real, made)]
    both = _Part(np.concatenate([real.features, made.features]), np.concatenate([real.answers, made.answers]))
    metric, score, baseline = _scorer(real, test, train.without(target), seed, numeric=numeric)
    with threadpool_limits(1 if len(both) < _FEW_ROWS else None):
        same = len(real) == count
        scores = [score(part) for part in (few[0], few[1], both)]
        whole = scores[0] if same else score(real)
    return Utility(
        metric=metric,
        real=scores[0],
        synthetic=scores[1],
        both=scores[2],
        all_real=whole,
        baseline=baseline,
        rows=count,
        tested=len(test),
    )


def _part(rows: Rows, target: str) -> _Part:
    matrix, _ = tree_matrix(rows.without(target))
    if target in rows.number_names:
        answers = rows.numbers[:, rows.number_names.index(target)]
        known = ~np.isnan(answers)
        return _Part(matrix[known], answers[known])
    place = rows.level_names.index(target)
    codes = rows.codes[:, place]
    known = codes != rows.missing[place]
    return _Part(matrix[known], np.minimum(codes[known], MAX_CLASSES))


def _drawn(part: _Part, count: int, random: np.random.Generator) -> _Part:
    picked = np.sort(random.permutation(len(part))[:count])
    return _Part(part.features[picked], part.answers[picked])


def _scorer(real: _Part, test: _Part, features: Rows, seed: int, *, numeric: bool) -> tuple[str, Any, float]:
    """Return the metric's name, what scores a part to learn from, and what no learning gets."""
    from sklearn.metrics import r2_score, roc_auc_score  # noqa: PLC0415 - slow to import

    categorical = tree_matrix(features)[1]
    if numeric:

        def fit_numbers(part: _Part) -> float:
            trees = boosted_regressor(categorical, seed, iterations=200)
            return float(
                r2_score(test.answers, fit(trees, part.features, part.answers).predict(test.features))
            )

        return "R2", fit_numbers, 0.0
    levels = np.unique(np.concatenate([real.answers, test.answers]))
    iterations = 200 if len(levels) == _BINARY else max(20, min(200, _TREES // len(levels)))

    def fitted(part: _Part, answers: NDArray[Any]) -> Any:
        trees = boosted_classifier(categorical, seed, iterations=iterations, early_stopping=True)
        return fit(trees, part.features, answers)

    def area(part: _Part) -> float:
        wanted = part.answers == levels[1]
        if wanted.all() or not wanted.any():
            return 0.5  # one class teaches nothing
        return float(
            roc_auc_score(test.answers == levels[1], fitted(part, wanted).predict_proba(test.features)[:, 1])
        )

    def share(part: _Part) -> float:
        if len(np.unique(part.answers)) < _BINARY:
            return float((test.answers == part.answers[0]).mean())
        return float((fitted(part, part.answers).predict(test.features) == test.answers).mean())

    if len(levels) == _BINARY:
        return "ROC AUC", area, 0.5
    commonest = np.bincount(real.answers).argmax()
    return "accuracy", share, float((test.answers == commonest).mean())
