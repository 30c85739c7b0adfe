"""What the demo learns: two data sets that scikit-learn ships, or the user's own file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.cli.about import about
from augment.data import detect_schema, read_table
from augment.errors import DataFileError

if TYPE_CHECKING:
    from pathlib import Path

    from augment.data.schema import Column, Schema

__all__ = ["Dataset", "breast_cancer", "digits", "from_file", "split"]

_FEWEST_ROWS = 10
_HELD_OUT_SHARE = 0.2
_MOST_HELD_OUT = 10_000


@dataclass(frozen=True)
class Dataset:
    """A table with a name.

    Attributes:
        name: Its bundle's name.
        title: Its name for people.
        table: All its rows.
        schema: Its columns; one of them may be the target.
    """

    name: str
    title: str
    table: pa.Table
    schema: Schema

    @property
    def target(self) -> Column | None:
        """The column that downstream models predict."""
        return self.schema.target

    @property
    def images(self) -> Column | None:
        """The first column whose cells are grey images: arrays of two dimensions."""
        arrays = (column for column in self.schema.columns if column.kind == "array")
        return next((column for column in arrays if len(column.shape) == 2), None)  # noqa: PLR2004


def breast_cancer() -> Dataset:
    """569 tumours: 30 measurements and the diagnosis."""
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415 - slow to import

    data = load_breast_cancer()
    columns = {name.replace(" ", "_"): data.data[:, index] for index, name in enumerate(data.feature_names)}
    table = pa.table({**columns, "diagnosis": data.target_names[data.target].tolist()})
    return Dataset("breast_cancer", "Breast cancer", table, detect_schema(table, target="diagnosis"))


def digits() -> Dataset:
    """1,797 scanned digits: an 8x8 grey image and which digit it is."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - slow to import

    data = load_digits()
    images = pa.FixedShapeTensorArray.from_numpy_ndarray(data.images.astype(np.uint8))
    table = pa.table({"image": images, "digit": data.target.astype(str).tolist()})
    return Dataset("digits", "Digits", table, detect_schema(table, target="digit"))


def from_file(path: Path, target: str | None) -> Dataset:
    """Read the user's own file.

    Raises:
        DataFileError: It cannot be read, or has too few rows for training and testing.
        ColumnNotFoundError: It has no column `target`.
    """
    with about(path):
        table = read_table(path)
        schema = detect_schema(table, target=target)
    if table.num_rows < _FEWEST_ROWS:
        raise DataFileError.of(
            "rows", f"must be at least {_FEWEST_ROWS} for the demo", table.num_rows, context=str(path)
        )
    return Dataset(bundle_name(path.name), path.name, table, schema)


def bundle_name(file_name: str) -> str:
    """Return a bundle's name made from a file's name.

    >>> bundle_name("my data.csv.gz"), bundle_name("-.csv")
    ('my_data', 'data')
    """
    stem = file_name.partition(".")[0] or file_name.strip(".")
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in stem)
    return kept.strip("_")[:64] or "data"


def split(table: pa.Table, seed: int) -> tuple[pa.Table, pa.Table]:
    """Return the rows to train on and the rows to test with: a random fifth, at most 10,000."""
    held = min(_MOST_HELD_OUT, max(1, round(table.num_rows * _HELD_OUT_SHARE)))
    order = np.random.default_rng(seed).permutation(table.num_rows)
    return table.take(np.sort(order[held:])), table.take(np.sort(order[:held]))
