"""The five data sets, read and split as every method gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.data import read_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["DATASETS", "SPLIT_SEED", "Dataset", "Split"]

SPLIT_SEED = 20_260_101
_HOLDOUT_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """The rows to learn from, and the real rows that no method sees."""

    train: pa.Table
    holdout: pa.Table


@dataclass(frozen=True)
class Dataset:
    """A data set on disk.

    Attributes:
        name: Its name on the command line and in the tables.
        files: One file, which is split by a fixed seed, or the official training and test files.
        target: The column that downstream models predict.
        classes: Whether the target is a category.
        prepare: What is done to each file before the split.
        note: The same in words, for the tables.
    """

    name: str
    files: tuple[str, ...]
    target: str
    classes: bool
    prepare: Callable[[pa.Table], pa.Table]
    note: str

    def missing_files(self, directory: Path) -> list[str]:
        """Return the files that are not there."""
        return [name for name in self.files if not (directory / name).is_file()]

    def read(self, directory: Path) -> Split:
        """Read and split; the same files always give the same rows in the same order."""
        tables = [self.prepare(read_table(directory / name)) for name in self.files]
        if len(tables) == 1:
            return _split(tables[0])
        train, holdout = tables
        return Split(train, holdout.cast(train.schema))


def _split(table: pa.Table) -> Split:
    """Hold a fifth of the rows out, by a fixed seed; both parts keep the file's order."""
    held = round(table.num_rows * _HOLDOUT_SHARE)
    order = np.random.default_rng(SPLIT_SEED).permutation(table.num_rows)
    return Split(table.take(np.sort(order[held:])), table.take(np.sort(order[:held])))


def _whole(table: pa.Table) -> pa.Table:
    return table


def _beijing(table: pa.Table) -> pa.Table:
    """Drop the row number, and the rows without a target, as TabSyn's preprocessing does."""
    return table.drop_columns(["No"]).filter(pc.is_valid(table["pm2.5"]))


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="german_credit",
            files=("german_credit.csv.gz",),
            target="class",
            classes=True,
            prepare=_whole,
            note="80/20 by a fixed seed",
        ),
        Dataset(
            name="california_housing",
            files=("california_housing.csv.gz",),
            target="median_house_value",
            classes=False,
            prepare=_whole,
            note="80/20 by a fixed seed; missing `total_bedrooms` are kept",
        ),
        Dataset(
            name="adult",
            files=("adult_train.csv.gz", "adult_test.csv.gz"),
            target="income",
            classes=True,
            prepare=_whole,
            note="official split; `?` is missing",
        ),
        Dataset(
            name="bank_full",
            files=("bank_full.csv.gz",),
            target="y",
            classes=True,
            prepare=_whole,
            note="80/20 by a fixed seed; `unknown` is a level",
        ),
        Dataset(
            name="beijing",
            files=("beijing.csv.gz",),
            target="pm2.5",
            classes=False,
            prepare=_beijing,
            note="80/20 by a fixed seed; the row number `No` and the 2,067 rows without pm2.5 are dropped, "
            "as TabSyn's preprocessing does",
        ),
    )
}
"""By name, the smallest first."""
