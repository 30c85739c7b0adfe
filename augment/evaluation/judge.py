"""Quick judges: can trees tell synthetic from real, and can a model learn from synthetic rows?

A quick look, with scikit-learn's boosted trees, few iterations and one thread: on so few rows more
threads wait for each other, and on a busy machine they wait long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships no types

from augment.evaluation.cells import is_number, labels, numbers, top_labels
from augment.evaluation.matrices import categorical, features, matrices
from augment.evaluation.trees import boosted_classifier, boosted_regressor, fit, guess_unseen

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data.schema import Column, Schema

__all__ = ["Usefulness", "detection_auc", "usefulness"]

MAX_ROWS = 5_000
_FEWEST_ROWS = 12  # fewer say nothing
_BINARY = 2


@dataclass(frozen=True)
class Usefulness:
    """What a model learns from synthetic rows beside what it learns from real ones.

    Attributes:
        target: The column that was predicted.
        metric: `ROC AUC`, `accuracy` or `R2`; higher is better in all.
        from_real: Trained on real rows, tested on held-out real rows.
        from_synthetic: Trained on as many synthetic rows, tested on the same.
        baseline: What no learning gets: chance, always the commonest class, or the mean.
    """

    target: str
    metric: str
    from_real: float
    from_synthetic: float
    baseline: float


class _Part(NamedTuple):
    """Rows to learn from or to be tested on: features of shape (rows, columns), answers of shape (rows,)."""

    features: NDArray[np.float64]
    answers: NDArray[Any]


def detection_auc(real: pa.Table, synthetic: pa.Table, schema: Schema, *, seed: int = 0) -> float | None:
    """Return how well boosted trees tell synthetic from real rows: ROC AUC, 0.5 = cannot tell.

    As many rows of one as of the other, each judged by trees that did not see it (3 folds). None
    with too few rows or without a column to compare.
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - slow to import

    columns = features(schema, real, synthetic)
    rows = min(real.num_rows, synthetic.num_rows, MAX_ROWS)
    if rows < _FEWEST_ROWS or not columns:
        return None
    picked = [_pick(table, rows, seed) for table in (real, synthetic)]
    rows_side_by_side = np.concatenate(matrices(columns, picked[0], *picked))
    truth = np.repeat([0, 1], rows)
    trees = _classifier(categorical(columns, real), seed)
    with threadpool_limits(1):
        guesses = guess_unseen(trees, rows_side_by_side, truth, seed)
    return float(roc_auc_score(truth, guesses))


def usefulness(
    train: pa.Table, held_out: pa.Table, synthetic: pa.Table, schema: Schema, *, seed: int = 0
) -> Usefulness | None:
    """Train on synthetic, test on real, beside train on real; None without a target or enough rows."""
    columns = features(schema, train, held_out, synthetic)
    target = next((column for column in columns if column.role == "target"), None)
    known = [column for column in columns if column is not target]
    if target is None or target.kind == "array" or not known:
        return None
    rows = min(train.num_rows, synthetic.num_rows, MAX_ROWS)
    tables = [_pick(train, rows, seed), _pick(synthetic, rows, seed), _pick(held_out, MAX_ROWS, seed)]
    parts = _parts(known, target, tables)
    if min(len(part.answers) for part in parts) < _FEWEST_ROWS:
        return None
    judge = _judge_numbers if is_number(target) else _judge_classes
    with threadpool_limits(1):
        return judge(target.name, categorical(known, train), parts, seed)


def _pick(table: pa.Table, rows: int, seed: int) -> pa.Table:
    order = np.random.default_rng(seed).permutation(table.num_rows)
    return table.take(order[:rows])


def _parts(known: list[Column], target: Column, tables: list[pa.Table]) -> list[_Part]:
    """Return the tables as features and answers, without the rows whose numeric answer is missing."""
    parts = []
    for table, matrix in zip(tables, matrices(known, tables[0], *tables), strict=True):
        answers = numbers(table[target.name]) if is_number(target) else labels(table[target.name])
        kept = ~np.isnan(answers) if is_number(target) else np.full(len(answers), fill_value=True)
        parts.append(_Part(matrix[kept], answers[kept]))
    return parts


def _judge_numbers(target: str, levels: list[bool], parts: list[_Part], seed: int) -> Usefulness:
    from sklearn.metrics import r2_score  # noqa: PLC0415 - slow to import

    trees = boosted_regressor(levels, seed, iterations=100)
    real, synthetic, test = parts
    scores = [
        float(r2_score(test.answers, fit(trees, *part).predict(test.features))) for part in (real, synthetic)
    ]
    return Usefulness(target, "R2", scores[0], scores[1], baseline=0.0)


def _judge_classes(target: str, levels: list[bool], parts: list[_Part], seed: int) -> Usefulness | None:
    real, synthetic, test = parts
    classes = np.unique(np.concatenate([real.answers, test.answers]))
    if len(np.unique(test.answers)) < _BINARY or len(np.unique(real.answers)) < _BINARY:
        return None
    trees = _classifier(levels, seed)
    if len(classes) == _BINARY:
        scores = [_auc(trees, part, test, classes[1]) for part in (real, synthetic)]
        return Usefulness(target, "ROC AUC", scores[0], scores[1], baseline=0.5)
    commonest = top_labels(real.answers, 1)[0]
    baseline = float((test.answers == commonest).mean())
    scores = [_accuracy(trees, part, test) for part in (real, synthetic)]
    return Usefulness(target, "accuracy", scores[0], scores[1], baseline)


def _auc(trees: Any, train: _Part, test: _Part, positive: str) -> float:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - slow to import

    if len(np.unique(train.answers)) < _BINARY:
        return 0.5  # one class teaches nothing
    chances = fit(trees, train.features, train.answers == positive).predict_proba(test.features)
    return float(roc_auc_score(test.answers == positive, chances[:, -1]))


def _accuracy(trees: Any, train: _Part, test: _Part) -> float:
    if len(np.unique(train.answers)) < _BINARY:
        return float((test.answers == train.answers[0]).mean())
    return float((fit(trees, *train).predict(test.features) == test.answers).mean())


def _classifier(levels: list[bool], seed: int) -> Any:
    return boosted_classifier(levels, seed, iterations=60, early_stopping=True)
