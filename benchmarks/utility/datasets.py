"""The data sets, and which of their rows train and which test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedShuffleSplit

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TUNING", "Fold", "Problem", "load", "names"]

TUNING = ("abalone9-18", "yeast4", "adult-300")
"""The sets on which the sampler's defaults were chosen."""
_KEEL = ("abalone9-18", "ecoli3", "glass2", "pimaImb", "vehicle1", "yeast4")
_CUT = {"adult": ("adult_train.csv.gz", ",", "income", ">50K"), "bank": ("bank_full.csv.gz", ";", "y", "yes")}
_SIZES = (100, 300, 1000)
_REPEATS = 5
_TEST_ROWS = 5000


@dataclass(frozen=True)
class Fold:
    """Row numbers."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """A data set to be learnt.

    Attributes:
        name: E.g. `adult-300`.
        features: Numbers, and text for categories.
        positive: Whether a row is of the rare class.
        folds: Of small sets 5 times 2 folds; of cut sets 10 times so many rows, tested on 5,000 others.
    """

    name: str
    features: pd.DataFrame
    positive: NDArray[np.bool_]
    folds: tuple[Fold, ...]


def names() -> tuple[str, ...]:
    """Return the names of all sets."""
    return (*_KEEL, *(f"{name}-{size}" for name in _CUT for size in _SIZES))


def load(folder: Path, name: str) -> Problem:
    """Read a set from the folder that holds `imbalanced` and `tabular`."""
    if name in _KEEL:
        table = pd.read_csv(folder / "imbalanced" / f"{name}.csv")
        positive = table.pop("class").to_numpy() == "positive"
        splitter = RepeatedStratifiedKFold(n_splits=2, n_repeats=_REPEATS, random_state=0)
    else:
        source, size = name.split("-")
        file, separator, target, label = _CUT[source]
        table = pd.read_csv(folder / "tabular" / file, sep=separator, skipinitialspace=True)
        positive = table.pop(target).str.strip().to_numpy() == label
        splitter = StratifiedShuffleSplit(
            n_splits=2 * _REPEATS, train_size=int(size), test_size=_TEST_ROWS, random_state=0
        )
    numbers = table.select_dtypes("number").columns
    table = table.astype(dict.fromkeys(table.columns.difference(numbers), object))
    folds = tuple(Fold(*rows) for rows in splitter.split(table, positive))
    return Problem(name, table, positive, folds)
