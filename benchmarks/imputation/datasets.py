"""The five data sets, read and split as every method gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.data import conform, detect_schema, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from augment.data import Schema

__all__ = ["DATASETS", "Dataset", "Split"]

SPLIT_SEED = 20_260_101
_HOLDOUT_SHARE = 0.2
_CATEGORIES = ("category", "boolean")


@dataclass(frozen=True)
class Split:
    """The rows to learn from, and those that no method sees before it is asked to fill their gaps.

    Attributes:
        train: In the schema's storage types.
        holdout: Likewise.
        schema: As detected on the training rows.
    """

    train: pa.Table
    holdout: pa.Table
    schema: Schema

    @property
    def categories(self) -> list[str]:
        """The columns judged by equality."""
        return [column.name for column in self.schema.columns if column.kind in _CATEGORIES]

    @property
    def numbers(self) -> list[str]:
        """The columns judged by distance."""
        return [column.name for column in self.schema.columns if column.kind not in _CATEGORIES]


@dataclass(frozen=True)
class Dataset:
    """A data set on disk: one file, split by a fixed seed, or training and test files.

    Attributes:
        name: On the command line and in the tables.
        files: In the directory of data.
        target: What downstream models would predict; imputed like any other column.
    """

    name: str
    files: tuple[str, ...]
    target: str

    def read(self, directory: Path) -> Split:
        """Read and split; the same files always give the same rows."""
        tables = [_prepared(read_table(directory / name)) for name in self.files]
        train, holdout = tables if len(tables) > 1 else _halves(tables[0])
        schema = detect_schema(train, target=self.target)
        holdout = holdout.cast(train.schema)
        return Split(conform(train, schema), conform(holdout, schema), schema)


def _prepared(table: pa.Table) -> pa.Table:
    """Drop beijing's row number and its rows without a target."""
    if "No" not in table.column_names:
        return table
    return table.drop_columns(["No"]).filter(pc.is_valid(table["pm2.5"]))


def _halves(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    held = round(table.num_rows * _HOLDOUT_SHARE)
    order = np.random.default_rng(SPLIT_SEED).permutation(table.num_rows)
    return table.take(np.sort(order[held:])), table.take(np.sort(order[:held]))


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset("german_credit", ("german_credit.csv.gz",), "class"),
        Dataset("framingham", ("framingham.csv",), "TenYearCHD"),
        Dataset("california_housing", ("california_housing.csv.gz",), "median_house_value"),
        Dataset("beijing", ("beijing.csv.gz",), "pm2.5"),
        Dataset("adult", ("adult_train.csv.gz", "adult_test.csv.gz"), "income"),
    )
}
