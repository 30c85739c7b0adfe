"""The undercomplete autoencoder beside PCA of the same size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from augment.estimators import AutoencoderTransformer
from family import datasets

if TYPE_CHECKING:
    from pathlib import Path

    from family.datasets import Split

__all__ = ["SIZES", "compared"]

SIZES = {"digits": (4, 8, 16), "breast_cancer": (2, 3, 6), "fashion_mnist": (8, 16, 32)}
"""Widths of the bottleneck by data set."""


def compared(name: str, size: int, seed: int, data: Path) -> dict[str, Any]:
    """Return error and kNN accuracy of both on held-out rows.

    Both see the same numbers: standardised by column for breast_cancer, by all pixels for images. The error
    is the mean square of what is left, in those units. kNN: 5 neighbours in the reduced space, learnt from
    training rows, asked about held-out ones.
    """
    split = _scaled(name, seed, data)
    pca = PCA(size, random_state=seed).fit(split.train)
    own = AutoencoderTransformer(size, as_array=name != "breast_cancer", random_state=seed).fit(split.train)
    found: dict[str, Any] = {
        "rows": len(split.train),
        "steps": own.learnt_.trained["autoencoder"].report.steps,
    }
    found["seconds"] = own.learnt_.seconds
    for method, reducer in (("pca", pca), ("autoencoder", own)):
        codes, asked = reducer.transform(split.train), reducer.transform(split.test)
        left = reducer.inverse_transform(asked) - split.test
        found[f"{method}.error"] = float(np.square(left).mean())
        found[f"{method}.knn"] = float(
            KNeighborsClassifier().fit(codes, split.labels).score(asked, split.test_labels)
        )
    return found


def _scaled(name: str, seed: int, data: Path) -> Split:
    if name == "fashion_mnist":
        split, axis = datasets.fashion_mnist(data), None
    else:
        split = datasets.digits(seed) if name == "digits" else datasets.breast_cancer(seed)
        axis = None if name == "digits" else 0
    mean, scale = split.train.mean(axis), split.train.std(axis)
    parts = [(part - mean) / scale for part in (split.train, split.test)]
    return type(split)(parts[0], split.labels, parts[1], split.test_labels)
