"""The page of results, in Markdown: ranks first, then where it hurts, then every figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from utility.classifiers import METRICS
from utility.datasets import TUNING
from utility.methods import OURS
from utility.ranks import mean_ranks, rank_gap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from utility.ranks import Contest
    from utility.runner import Cell

__all__ = ["page"]

_NOTHING = "nothing"
_HARDLY, _EVEN = 0.005, 0.5
_INTRODUCTION = """\
# What augmentation does for classifiers of few and imbalanced rows

Printed by `make bench-utility` on {date}, {machine}. Folds of each set that all methods finished: {folds}.

Each method makes the two classes equal in number, on the training rows of a fold alone; classifiers are
trained on what it returns and judged on real rows. KEEL's sets: 5 times 2 stratified folds. Adult and
bank_full: so many rows, drawn 10 times, judged on 5,000 others. Probabilities count as at least .001 and
at most .999. SMOTE is given standardised numbers (SMOTENC where there are categories); TVAE learns the
rare class alone. **{ours}** is `AutoencoderSampler()` as it comes; its defaults were chosen on
{tuning} (marked *), by the first four of these folds.
"""


def page(
    held: Sequence[Contest],
    cells: Mapping[Cell, Mapping[str, Any]],
    methods: tuple[str, ...],
    about: Mapping[str, str],
) -> str:
    """Return the whole page."""
    augmenting = tuple(method for method in methods if method != _NOTHING)
    unseen = [contest for contest in held if contest.problem not in TUNING]
    counts = {contest.problem: len(contest.values[methods[0]]) for contest in held}
    folds = ", ".join(f"{_marked(name)} {count}" for name, count in counts.items())
    parts = [
        _INTRODUCTION.format(ours=OURS, tuning=", ".join(TUNING), folds=folds, **about),
        "## Mean ranks of the augmenting methods, 1 the best\n\nAll sets:\n\n" + _ranks(held, augmenting),
        "Without the sets that the defaults were chosen on:\n\n" + _ranks(unseen, augmenting),
        _gaps(held, augmenting),
        "With doing nothing among them, all sets:\n\n" + _ranks(held, methods),
        f"## {OURS} beside each other method\n\nWins and losses over the {_contests_a_set(held)} pairs of "
        "classifier and metric of each set.\n\n" + _duels(held, methods),
        "## Where augmentation helps and where it hurts\n\nMean gain over doing nothing (sets on which it "
        "is worse); of log loss, how much lower it is.\n\n" + _gains(held, augmenting),
        "## When not to use it\n\n" + _advice(held),
        "## Seconds to augment once\n\nWall clock, one thread, whatever else the machine did.\n\n"
        + _seconds(cells, methods),
        "## All figures\n\nMean over the folds, and their standard deviation.\n\n" + _figures(held, methods),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _marked(problem: str) -> str:
    return f"{problem}*" if problem in TUNING else problem


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] + ["---:"] * (len(titles) - 1), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _classifiers(held: Collection[Contest]) -> list[str]:
    return list(dict.fromkeys(contest.classifier for contest in held))


def _contests_a_set(held: Collection[Contest]) -> int:
    return len(METRICS) * len(_classifiers(held))


def _ranks(held: Sequence[Contest], methods: tuple[str, ...]) -> str:
    """Return mean ranks by metric, by classifier and overall, best overall first."""
    if not held:
        return "(none has been run)"
    groups = {metric: [one for one in held if one.metric == metric] for metric in METRICS}
    groups |= {name: [one for one in held if one.classifier == name] for name in _classifiers(held)}
    ranks = {title: mean_ranks(group, methods) for title, group in {"overall": held, **groups}.items()}
    ordered = sorted(methods, key=lambda method: ranks["overall"][method])
    rows = [[method, *(f"{column[method]:.2f}" for column in ranks.values())] for method in ordered]
    return _table(["method", *ranks], rows)


def _gaps(held: Sequence[Contest], methods: tuple[str, ...]) -> str:
    lines = []
    for other in methods:
        if other != OURS:
            gap, low, high = rank_gap(held, methods, (OURS, other))
            lines.append(f"- {OURS} less {other}: {gap:+.2f} ({low:+.2f} to {high:+.2f})")
    head = "Differences of mean ranks, below 0 where ours is better, and where 95 % of them lie when the sets"
    return f"{head} are drawn again:\n\n" + "\n".join(lines)


def _duels(held: Sequence[Contest], methods: tuple[str, ...]) -> str:
    others = [method for method in methods if method != OURS]
    rows = []
    groups = {_marked(one.problem): [two for two in held if two.problem == one.problem] for one in held}
    for title, own in (groups | {"all": list(held)}).items():
        gains = [[contest.gain(OURS, other)[0] for contest in own] for other in others]
        counts = [f"{sum(g > 0 for g in gain)} : {sum(g < 0 for g in gain)}" for gain in gains]
        rows.append([title, *counts])
    return _table(["set", *(f"against {other}" for other in others)], rows)


def _gains(held: Sequence[Contest], methods: tuple[str, ...]) -> str:
    rows = []
    for classifier in _classifiers(held):
        for metric in METRICS:
            own = [one for one in held if (one.classifier, one.metric) == (classifier, metric)]
            gains = {method: [one.gain(method, _NOTHING)[0] for one in own] for method in methods}
            cells = [
                f"{np.mean(gain):+.3f} ({sum(g < 0 for g in gain)} of {len(gain)})" for gain in gains.values()
            ]
            rows.append([f"{classifier}, {metric}", *cells])
    return _table(["", *methods], rows)


def _advice(held: Sequence[Contest]) -> str:
    """Return a sentence for each classifier and metric that our sampler mostly makes worse, or better."""
    lines = []
    for classifier in _classifiers(held):
        for metric in METRICS:
            own = [one for one in held if (one.classifier, one.metric) == (classifier, metric)]
            gains = np.array([one.gain(OURS, _NOTHING)[0] for one in own])
            worse, mean = int((gains < 0).sum()), float(gains.mean())
            verdict = _verdict(mean, worse / len(gains))
            lines.append(
                f"- {classifier}, judged by {metric}: {verdict}; worse than doing nothing on {worse} of "
                f"{len(gains)} sets, {mean:+.3f} in the mean, {gains.min():+.3f} at worst."
            )
    return "\n".join(lines)


def _verdict(gain: float, share_worse: float) -> str:
    if abs(gain) < _HARDLY:
        return "hardly a difference"
    if share_worse == _EVEN or (gain > 0) == (share_worse > _EVEN):
        return "it depends: try both"
    return "augment" if gain > 0 else "**do not augment**"


def _seconds(cells: Mapping[Cell, Mapping[str, Any]], methods: tuple[str, ...]) -> str:
    rows = []
    for method in methods:
        own = [figures["seconds"] for cell, figures in cells.items() if cell.method == method]
        rows.append([method, f"{np.median(own):.1f}", f"{max(own):.1f}"])
    return _table(["method", "median", "most"], rows)


def _figures(held: Sequence[Contest], methods: tuple[str, ...]) -> str:
    tables = []
    for classifier in _classifiers(held):
        for metric, sign in METRICS.items():
            own = [one for one in held if (one.classifier, one.metric) == (classifier, metric)]
            better = "more is better" if sign > 0 else "less is better"
            rows = [[_marked(one.problem), *(_figure(one, method) for method in methods)] for one in own]
            tables.append(f"### {classifier}, {metric} ({better})\n\n" + _table(["set", *methods], rows))
    return "\n\n".join(tables)


def _figure(contest: Contest, method: str) -> str:
    best = min(contest.ranks(contest.values).values())
    text = f"{contest.mean(method):.3f} ± {np.std(contest.values[method]):.3f}"
    return f"**{text}**" if contest.ranks(contest.values)[method] == best else text
