"""The results as tables for people, losses as visible as wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fidelity.datasets import DATASETS
from fidelity.measures import MEASURES
from fidelity.methods import METHODS
from fidelity.published import PUBLISHED, SOURCE
from fidelity.targets import targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fidelity.results import Results

__all__ = ["page"]

_OURS = ("augment denoiser", "augment denoiser, fewer steps", "augment vae")
_PEERS = ("TabularARGN", "TVAE", "CTGAN", "SMOTE", "independent columns")
_FIDELITY = ("auc", "logistic", "shape", "trend", "alpha", "beta")
_USE = ("utility_real", "utility_gap", "utility_both", "dcr_share", "nndr", "copies", "membership")
_COST = ("fit", "training", "fit_cpu", "speed", "peak", "load")
_DUELS = ("distance", "shape", "trend", "utility_gap", "fit", "speed")
_NOTE = """\
Written by `make bench-fidelity`; each figure is the median over the seeds, then the lowest and the highest.
Detection: boosted trees, 3-fold; .5 cannot tell; clearly below .5, rows are near-copies of real ones, which
mislead the detector in another fold. `real holdout` is the ceiling: half of the held-out real rows in the
place of synthetic ones, so fewer of them, which costs it where a model is trained on them. `independent
columns` draws each column by itself: what any method must beat. SMOTE learns nothing in `fit` and does its
work in each call. Times by the clock are of the seeds that ran at the method's lowest load; these compare
only where the load of the machine was alike (`load`: of all processes, when the cell began); CPU seconds
suffer less. A method without figures says why; no figure is made up or
carried over."""


def page(results: Results, machine: str) -> str:
    """Return everything as Markdown."""
    parts = ["# Fidelity, usefulness, privacy and cost, beside peers", _NOTE, machine, _verdicts(results)]
    parts += ["## Wins and losses", *(_duels(results, ours) for ours in _OURS)]
    parts += ["## Beside TabularARGN and TVAE", _ratios(results)]
    for dataset in DATASETS.values():
        parts += [f"## {dataset.name}", f"Target `{dataset.target}`; {dataset.note}."]
        parts += [_figures(results, dataset.name, names) for names in (_FIDELITY, _USE, _COST)]
    parts += ["## As published, not measured here", f"Source: {SOURCE}.", _published()]
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _figures(results: Results, dataset: str, names: Sequence[str]) -> str:
    shown = [name for name in names if any(results.spread(dataset, each, name) for each in METHODS)]
    if not shown:
        return "Neither fidelity nor use has been judged here." if names == _FIDELITY else ""
    rows = [[method, *_row(results, dataset, method, shown)] for method in METHODS]
    floors = [_floor(results, dataset, name) for name in shown]
    if any(floors):
        rows.append(["fresh real rows, says the judge", *(floor or "-" for floor in floors)])
    return _table(["method", *(MEASURES[name].title for name in shown)], rows)


def _row(results: Results, dataset: str, method: str, names: Sequence[str]) -> list[str]:
    cells = [_text(results, dataset, method, name) for name in names]
    if any(cells):
        return [cell or "-" for cell in cells]
    return [results.reason(dataset, method), *[""] * (len(names) - 1)]


def _text(results: Results, dataset: str, method: str, name: str) -> str:
    spread, measure = results.spread(dataset, method, name), MEASURES[name]
    if spread is None:
        return ""
    middle, low, high = (measure.text(each) for each in (spread.median, spread.lowest, spread.highest))
    return middle if spread.seeds == 1 else f"{middle} ({low} to {high})"


def _floor(results: Results, dataset: str, name: str) -> str:
    """Return the range of what the judge says that real rows get in the methods' place."""
    measure = MEASURES[name]
    found = [results.floor(dataset, method, name) for method in METHODS if method != "real holdout"]
    texts = [measure.text(value) for value in sorted(value for value in found if value is not None)]
    if not texts:
        return ""
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]} to {texts[-1]}"


def _verdicts(results: Results) -> str:
    rows = [
        [
            target.name,
            target.dataset,
            "-" if target.value is None else f"{target.value:.3g}",
            f"{target.must:.3g}",
            f"{target.aim:.3g}",
            target.verdict,
        ]
        for target in targets(results)
    ]
    return "## Targets\n\n" + _table(["target", "data", "measured", "must", "aim", "verdict"], rows)


def _duels(results: Results, ours: str) -> str:
    """Return on how many data sets our median is better and worse than each peer's, and where it is worse."""
    rows = [[peer, *(_duel(results, ours, peer, name) for name in _DUELS)] for peer in _PEERS]
    head = [f"{ours}: won:lost against", *(MEASURES[name].title for name in _DUELS)]
    return _table(head, rows)


def _duel(results: Results, ours: str, peer: str, name: str) -> str:
    won: list[str] = []
    lost: list[str] = []
    for dataset in DATASETS:
        mine, other = (results.median(dataset, each, name) for each in (ours, peer))
        if mine is None or other is None or mine == other:
            continue
        better = mine < other if MEASURES[name].better == "low" else mine > other
        (won if better else lost).append(dataset)
    if not won and not lost:
        return "-"
    return f"{len(won)}:{len(lost)}" + (f" (lost: {', '.join(lost)})" if lost else "")


def _ratios(results: Results) -> str:
    """Return our medians over the peer's: below 1 is better but for rows/s."""
    pairs = [(ours, "TabularARGN") for ours in _OURS] + [("augment vae", "TVAE")]
    names = ("distance", "shape", "trend", "fit", "fit_cpu", "speed")
    rows = [
        [dataset, ours, peer, *(_ratio_text(results, dataset, ours, peer, name) for name in names)]
        for dataset in DATASETS
        for ours, peer in pairs
    ]
    rows = [row for row in rows if any(cell != "-" for cell in row[3:])]
    head = ["data", "ours", "over", *(MEASURES[name].title for name in names)]
    return _table(head, rows) if rows else "Nothing to compare yet."


def _ratio_text(results: Results, dataset: str, ours: str, peer: str, name: str) -> str:
    ratio = results.ratio(dataset, ours, peer, name)
    return "-" if ratio is None else f"{ratio:.2f}x"


def _published() -> str:
    head = ["data", "method", "detection AUC", "logistic AUC", "shape error, %", "trend error, %"]
    rows = [
        [
            each.dataset,
            each.method,
            f"{each.detection_auc:.3f}",
            f"{each.logistic_auc:.3f}",
            f"{100 * (1 - each.shape):.2f}",
            f"{100 * (1 - each.trend):.2f}",
        ]
        for each in PUBLISHED
    ]
    return _table(head, rows)
