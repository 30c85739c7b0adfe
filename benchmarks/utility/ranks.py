"""From cells to who is better than whom."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from utility.classifiers import METRICS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from utility.runner import Cell

__all__ = ["Contest", "contests", "mean_ranks", "rank_gap"]

_DRAWS = 10_000


@dataclass(frozen=True)
class Contest:
    """All methods' figures for one data set, classifier and metric.

    Attributes:
        problem: The data set.
        classifier: The classifier.
        metric: The metric.
        values: By method, one figure a fold: the same folds for all methods.
    """

    problem: str
    classifier: str
    metric: str
    values: Mapping[str, list[float]]

    def mean(self, method: str) -> float:
        """Return a method's mean over the folds."""
        return float(np.mean(self.values[method]))

    def ranks(self, methods: Collection[str]) -> dict[str, float]:
        """Return the ranks of some methods' means, 1 the best."""
        losses = [-METRICS[self.metric] * self.mean(method) for method in methods]
        return dict(zip(methods, map(float, rankdata(losses)), strict=True))

    def gain(self, method: str, over: str) -> tuple[float, float]:
        """Return by how much one method is better than another in the mean, and the spread over folds."""
        pairs = zip(self.values[method], self.values[over], strict=True)
        gains = np.array([METRICS[self.metric] * (one - other) for one, other in pairs])
        return float(gains.mean()), float(gains.std(ddof=1)) if len(gains) > 1 else 0.0


def contests(cells: Mapping[Cell, Mapping[str, Any]], methods: Collection[str]) -> list[Contest]:
    """Return the contests of the folds that all methods have finished."""
    folds: defaultdict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
    for cell, figures in cells.items():
        folds[cell.problem, cell.fold][cell.method] = figures["scores"]
    values: defaultdict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(
        lambda: {method: [] for method in methods}
    )
    for (problem, _), scores in sorted(folds.items()):
        for method in methods if set(scores) >= set(methods) else ():
            for classifier, by_metric in scores[method].items():
                for metric, value in by_metric.items():
                    values[problem, classifier, metric][method].append(value)
    return [Contest(*key, figures) for key, figures in values.items()]


def mean_ranks(held: Collection[Contest], methods: Collection[str]) -> dict[str, float]:
    """Return each method's mean rank."""
    ranks = [contest.ranks(methods) for contest in held]
    return {method: float(np.mean([one[method] for one in ranks])) for method in methods}


def rank_gap(
    held: Collection[Contest], methods: Collection[str], pair: tuple[str, str]
) -> tuple[float, float, float]:
    """Return by how much the mean rank of the first of a pair is above the second's, and its 95 % interval.

    The interval is that of other data sets such as these: sets are drawn again with replacement.
    """
    problems = list(dict.fromkeys(contest.problem for contest in held))
    gaps: defaultdict[str, list[float]] = defaultdict(list)
    for contest in held:
        ranks = contest.ranks(methods)
        gaps[contest.problem].append(ranks[pair[0]] - ranks[pair[1]])
    means = np.array([np.mean(gaps[problem]) for problem in problems])
    drawn = np.random.default_rng(0).integers(len(means), size=(_DRAWS, len(means)))
    low, high = np.quantile(means[drawn].mean(axis=1), [0.025, 0.975])
    return float(means.mean()), float(low), float(high)
