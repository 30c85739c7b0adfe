"""The data sets, as features and labels for training and for judging."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Split", "adult", "bank_full", "breast_cancer", "digits", "fashion_mnist", "imbalanced"]


@dataclass(frozen=True)
class Split:
    """Features and labels; labels are numbers from 0."""

    train: Any
    labels: NDArray[np.int64]
    test: Any
    test_labels: NDArray[np.int64]


def breast_cancer(seed: int) -> Split:
    """Return 398 and 171 rows of 30 numbers."""
    features, labels = load_breast_cancer(return_X_y=True)
    return _split(features, labels, seed)


def digits(seed: int) -> Split:
    """Return 1,257 and 540 images of 8x8."""
    features, labels = load_digits(return_X_y=True)
    return _split(features, labels, seed)


def fashion_mnist(data: Path) -> Split:
    """Return the official 60,000 and 10,000 images of 28x28."""
    folder = data / "arrays" / "fashion_mnist"
    images = [_idx(folder / f"{part}-images-idx3-ubyte.gz").astype(np.float32) for part in ("train", "t10k")]
    train, test = (part.reshape(len(part), -1) for part in images)
    own, other = (
        _idx(folder / f"{part}-labels-idx1-ubyte.gz").astype(np.int64) for part in ("train", "t10k")
    )
    return Split(train, own, test, other)


def adult(data: Path) -> Split:
    """Return the official 32,561 and 16,281 records."""
    frames = [
        pd.read_csv(data / "tabular" / f"adult_{part}.csv.gz", na_values="?", skipinitialspace=True)
        for part in ("train", "test")
    ]
    labels = [(frame.pop("income") == ">50K").to_numpy().astype(np.int64) for frame in frames]
    return Split(frames[0], labels[0], frames[1], labels[1])


def bank_full(data: Path) -> Split:
    """Return four fifths and a fifth of 45,211 records."""
    frame = pd.read_csv(data / "tabular" / "bank_full.csv.gz", sep=";")
    labels = (frame.pop("y") == "yes").to_numpy().astype(np.int64)
    order = np.random.default_rng(0).permutation(len(frame))
    test, train = order[: len(frame) // 5], order[len(frame) // 5 :]
    return Split(frame.iloc[train], labels[train], frame.iloc[test], labels[test])


def imbalanced(data: Path, name: str) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Return features, and which rows are of the rare class."""
    frame = pd.read_csv(data / "imbalanced" / f"{name}.csv")
    rare = (frame.pop(frame.columns[-1]).astype(str).str.strip() == "positive").to_numpy()
    return frame, rare


def _split(features: Any, labels: Any, seed: int) -> Split:
    train, test, own, other = train_test_split(
        features, labels, test_size=0.3, random_state=seed, stratify=labels
    )
    return Split(train, own, test, other)


def _idx(path: Path) -> NDArray[np.uint8]:
    """Return an idx file of bytes: 4 bytes of type and sides, then the sides, then the elements."""
    content = gzip.decompress(path.read_bytes())
    sides = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(content[3])]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(sides)).reshape(sides)
