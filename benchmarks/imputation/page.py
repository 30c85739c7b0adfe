"""The results as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imputation.calibration import DRAWS
from imputation.holes import PATTERNS
from imputation.interpolation import PAIRS, STEPS
from imputation.job import METHODS
from imputation.ranking import mean_ranks, speed_ratio, wins_against

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["OURS", "RIVAL", "page"]

OURS, RIVAL = "augment, mean", "IterativeImputer, ExtraTrees"
_RANKED = tuple(method for method in METHODS if method != "augment, median")


def page(results: Mapping[str, Any]) -> str:
    """Return the page."""
    sets, run = results["sets"], results["run"]
    parts = [
        "# Imputation, denoising, interpolation",
        "",
        _run(run),
        "",
        _said(),
        "## Filling gaps",
        "",
        *_summary(sets),
        *(line for pattern in PATTERNS for line in _pattern(sets, pattern)),
        *_draws(sets),
        *_repair(sets),
        *_interpolation(sets),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _run(run: Mapping[str, Any]) -> str:
    quick = ", QUICK: few steps, trees and rows" if run["quick"] else ""
    return f"Printed by `make bench-imputation` on {run['machine']}, {run['threads']} thread(s){quick}."


def _said() -> str:
    return (
        "Rows held out of training (Adult: the official split; others: a fifth, by a fixed seed), at most "
        "4,000 of them. Cells are hidden by us; cells that are missing in the data are not scored. 20 % and "
        "40 %: completely at random. By other columns: 30 % of the columns are always given and decide, by a "
        "logistic model, which cells of the others are missing, 30 % on average. RMSE: of all hidden "
        "numbers, standardised by the training rows and rounded to their column's decimals (JSON: also "
        "unrounded). Accuracy: of all hidden categories. kNN: 5 neighbours among at most 10,000 training "
        "rows, one-hot categories. IterativeImputer: 100 ExtraTrees a column fitted on all training rows, "
        "classifiers where the column is a category, 10 rounds. s: seconds of CPU for filling. "
        "Training rows have no extra gaps. `augment` is trained with the default settings; all are single "
        "models with one seed.\n"
    )


def _summary(sets: Mapping[str, Any]) -> Iterable[str]:
    ranks, wins = mean_ranks(sets, _RANKED), wins_against(sets, OURS, RIVAL)
    yield from _table(
        ["method", "mean rank", *sets],
        [
            [method, f"{ranks[method]:.2f}", *(_both(found["filled"][method]) for found in sets.values())]
            for method in _RANKED
        ],
    )
    yield "Of each set: RMSE / accuracy, the mean over the three patterns."
    yield ""
    yield from _table(
        [f"{OURS} beside {RIVAL}", *sets],
        [
            ["errors, geometric mean of ratios", *(f"{ratio:.3f}" for ratio in wins.values())],
            ["applied faster, times", *(f"{speed_ratio(found, OURS, RIVAL):.0f}" for found in sets.values())],
            ["training and export, s", *(f"{found['training_seconds']:.0f}" for found in sets.values())],
        ],
    )
    won = sum(ratio < 1 for ratio in wins.values())
    yield f"Better than {RIVAL} on {won} of {len(wins)} sets."
    yield ""


def _pattern(sets: Mapping[str, Any], pattern: str) -> Iterable[str]:
    yield f"### {pattern}"
    yield ""
    header = ["set", *(f"{method}" for method in METHODS)]
    rows = []
    for name, found in sets.items():
        for measure, label in (("rmse", "RMSE"), ("accuracy", "accuracy"), ("seconds", "s")):
            figures = [found["filled"][method][pattern].get(measure) for method in METHODS]
            if any(figure is not None for figure in figures):
                rows.append(
                    [f"{name}, {label}", *("" if each is None else f"{each:.3f}" for each in figures)]
                )
    yield from _table(header, rows)


def _draws(sets: Mapping[str, Any]) -> Iterable[str]:
    yield f"## Draws ({DRAWS} a cell)"
    yield ""
    columns = {
        "coverage_50": "50 % interval",
        "coverage_90": "90 % interval",
        "rmse_of_mean_of_draws": "RMSE of the mean of draws",
        "brier": "Brier",
        "accuracy_of_one_draw": "accuracy of one draw",
        "confidence_error": "calibration error of confidence",
        "draw_seconds": "s",
    }
    rows = [
        [f"{name}, {pattern}", *(_figure(found["draws"][pattern], key) for key in columns)]
        for name, found in sets.items()
        for pattern in PATTERNS
    ]
    yield from _table(["set", *columns.values()], rows)


def _repair(sets: Mapping[str, Any]) -> Iterable[str]:
    yield "## Denoising: 10 % of the cells hold another row's value"
    yield ""
    columns = {
        "average_precision": "average precision",
        "chance": "chance",
        "roc_auc": "ROC AUC",
        "found": "swapped cells changed",
        "repaired": "swapped categories repaired",
        "rmse_swapped": "RMSE of swapped numbers before",
        "rmse_repaired": "after",
        "left_alone": "clean cells left alone",
    }
    rows = [[name, *(_figure(found["repair"], key) for key in columns)] for name, found in sets.items()]
    yield from _table(["set", *columns.values()], rows)
    yield "From the third figure on at threshold 0.5."
    yield ""


def _interpolation(sets: Mapping[str, Any]) -> Iterable[str]:
    found = {name: each["interpolation"] for name, each in sets.items() if "interpolation" in each}
    if not found:
        return
    yield f"## Interpolation: {PAIRS} random pairs of held-out records, {STEPS} steps"
    yield ""
    columns = {
        "ends": "cells of the ends: same or nearest bin",
        "ends_exact": "same bin",
        "plausible": "pairs without an implausible step",
        "plausible_steps": "plausible steps",
        "plausible_ends": "pairs with plausible ends",
        "real_pairs": "pairs whose real records are plausible",
        "classes_kept": "steps in the class of both ends",
    }
    rows = [
        [f"{name}, {method}", *(_figure(each, key) for key in columns)]
        for name, methods in found.items()
        for method, each in methods.items()
    ]
    yield from _table(["set, method", *columns.values()], rows)
    yield (
        "Implausible: the sum over columns of -log p(cell's token | all other cells), by the denoiser, is "
        "above that of 99 % of the held-out records."
    )


def _both(patterns: Mapping[str, Mapping[str, float]]) -> str:
    parts = []
    for measure in ("rmse", "accuracy"):
        figures = [each[measure] for each in patterns.values() if measure in each]
        parts.append(f"{sum(figures) / len(figures):.3f}" if figures else "-")
    return " / ".join(parts)


def _figure(figures: Mapping[str, float], key: str) -> str:
    return f"{figures[key]:.3f}" if key in figures else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]
