"""The page of results, in Markdown: means over seeds or folds, with their standard deviations."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["page"]

_PARTS = {
    "components": (
        "The undercomplete autoencoder beside PCA of the same size",
        (
            "Held-out rows. Error: mean square in the units that both see, standardised by column, or "
            "by all pixels of images. kNN: accuracy of 5 neighbours in the reduced space. Digits and "
            "breast_cancer: splits of 70 and 30 %; Fashion-MNIST: its own."
        ),
        ("pca.error", "autoencoder.error", "pca.knn", "autoencoder.knn"),
    ),
    "labels": (
        "Few labels, many rows",
        (
            "The same head (an average of 3 MLPs, stopped early on a fifth of the labels) on raw "
            "features and on the frozen layers of an encoder pretrained on all training rows; boosted "
            "trees (scikit-learn's defaults) on raw features. Draws of the labelled rows; all held-"
            "out rows. precision: average precision of the rare class."
        ),
        (
            "raw.accuracy",
            "pretrained.accuracy",
            "trees.accuracy",
            "raw.precision",
            "pretrained.precision",
            "trees.precision",
        ),
    ),
    "stacked": (
        "What a layerwise start is worth",
        (
            "Fashion-MNIST, 2 hidden layers of 256, tuned through all of them on so many labels; "
            "accuracy on all 10,000 held-out images. Layers learn one after the other from the 60,000 "
            "images without labels."
        ),
        ("accuracy",),
    ),
    "anomalies": (
        "Rare rows found without labels",
        (
            "5 folds; both methods learn ordinary rows alone; area under the curve on held-out rows "
            "of both kinds. alarms, caught: share of ordinary and of rare held-out rows beyond the "
            "95th percentile of the autoencoder's calibration."
        ),
        ("isolation_forest.auc", "autoencoder.auc", "alarms", "caught"),
    ),
}


def page(cells: Mapping[tuple[str, ...], Mapping[str, Any]], about: Mapping[str, str]) -> str:
    """Return the whole page. Cells are named part, case..., repetition."""
    lines = [
        "# The family of autoencoders",
        "",
        "Printed by `make bench-family` on {date}, {machine}. Not measured on a GPU.".format(**about),
    ]
    for part, (title, text, measures) in _PARTS.items():
        groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
        for names, cell in cells.items():
            if names[0] == part:
                groups[names[1:-1]].append(cell)
        if groups:
            lines += ["", f"## {title}", "", text, "", *_table(groups, measures)]
    return "\n".join([*lines, ""])


def _table(groups: Mapping[tuple[str, ...], list[Mapping[str, Any]]], measures: Sequence[str]) -> list[str]:
    rows = [
        f"| {', '.join(case)} | {len(cells)} | " + " | ".join(_mean(cells, each) for each in measures) + " |"
        for case, cells in groups.items()
    ]
    return [f"| case | runs | {' | '.join(measures)} |", "|---|---|" + "---|" * len(measures), *rows]


def _mean(cells: list[Mapping[str, Any]], measure: str) -> str:
    found = [cell[measure] for cell in cells if measure in cell]
    if not found:
        return ""
    return f"{np.mean(found):.3f} ± {np.std(found):.3f}" if len(found) > 1 else f"{found[0]:.3f}"
