"""The figures as a page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["page"]

_TITLES = {"mnist": "MNIST (10k)", "fashion": "Fashion-MNIST", "ecg": "ECG5000"}


def page(told: Mapping[str, Any]) -> str:
    """Return the page."""
    sets = told["sets"]
    return "\n".join(
        [
            "# Arrays",
            "",
            f"`make bench-arrays`, {told['measured']}, {told['machine']}. Not measured on a GPU.",
            "",
            *_priors(sets),
            "",
            *_accuracy(sets),
            "",
            *_restoring(sets),
            "",
            "Strips, row by row, in `arrays/`: real; from N(0, I), a mixture, a flow; by class from a",
            "mixture, a flow; clean, then noisy and restored for each kind of noise; ways",
            "between six pairs of records.",
            "",
        ]
    )


def _priors(sets: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Generated arrays, by prior",
        "",
        "Frechet distance from real records in the features of a small classifier, as a ratio to that",
        "of as many other real ones: 1 is perfect.",
        "",
        "| data | rows trained on | steps of rows | N(0, I) | mixture | flow |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in sets.items():
        told = " | ".join(f"{one['priors'][prior]:.1f}" for prior in ("normal", "gmm", "flow"))
        lines.append(
            f"| {_TITLES[name]} | {one['rows']['train']:,} | {one['steps']:,} of {one['batch']} | {told} |"
        )
    return lines


def _accuracy(sets: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Classes asked for",
        "",
        "Accuracy on real records of a classifier that learnt from as many synthetic ones, `balance` on",
        "the label; beside it, how often the classifier that learnt from real ones finds the class",
        "asked for.",
        "",
        "| data | trained on real | on a mixture's | on a flow's | class found, mixture | flow |",
        "|---|---|---|---|---|---|",
    ]
    keys = ("real", "gmm", "flow", "gmm: labels agree", "flow: labels agree")
    for name, one in sets.items():
        told = " | ".join(f"{100 * one['accuracy'][key]:.1f} %" for key in keys)
        lines.append(f"| {_TITLES[name]} | {told} |")
    return lines


def _restoring(sets: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Restored arrays",
        "",
        "PSNR in decibels over 500 records that were not trained on; noise in shares of the range.",
        "Non-local means are scikit-image's, told the noise of 0.3; our model is told nothing.",
        "",
        "| data | noise | noisy | non-local means | augment |",
        "|---|---|---|---|---|",
    ]
    for name, one in sets.items():
        for kind, figures in one["restoring"].items():
            other = figures.get("non-local means")
            told = f"{other:.1f}" if other is not None else ""
            lines.append(
                f"| {_TITLES[name]} | {kind} | {figures['noisy']:.1f} | {told} | {figures['augment']:.1f} |"
            )
    return lines
