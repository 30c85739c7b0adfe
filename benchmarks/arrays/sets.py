"""The data sets: records to learn from, and two parts of others to measure by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.data import detect_schema, read_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from augment.data import Schema

__all__ = ["SETS", "ArraySet"]


@dataclass(frozen=True)
class ArraySet:
    """Records of an array and its label.

    Attributes:
        name: For people.
        train: What models learn from.
        reference: What is compared with.
        holdout: As many others: what a perfect model would give.
    """

    name: str
    train: pa.Table
    reference: pa.Table
    holdout: pa.Table

    @property
    def schema(self) -> Schema:
        """The columns: `array`, and the target `label`."""
        return detect_schema(self.train, target="label")


def _cut(name: str, table: pa.Table, train: int, part: int) -> ArraySet:
    """Share out the rows at random, always in the same way."""
    order = np.random.default_rng(0).permutation(table.num_rows)
    parts = (order[:train], order[train : train + part], order[train + part : train + 2 * part])
    return ArraySet(name, *(table.take(np.sort(rows)) for rows in parts))


def _images(folder: Path, which: str) -> pa.Table:
    images = read_table(folder / f"{which}-images-idx3-ubyte.gz")
    array = images.column("image").combine_chunks()
    return pa.table({"array": array, "label": images.column("label").cast(pa.string())})


def _mnist(data: Path) -> ArraySet:
    return _cut("MNIST (10k)", _images(data / "mnist10k", "t10k"), 6_000, 2_000)


def _fashion(data: Path) -> ArraySet:
    return _cut("Fashion-MNIST", _images(data / "fashion_mnist", "train"), 10_000, 2_000)


def _ecg(data: Path) -> ArraySet:
    table = read_table(data / "ucr_ECG5000.npz")
    array = table.column("X").combine_chunks()
    return _cut("ECG5000", pa.table({"array": array, "label": table.column("class")}), 3_000, 1_000)


SETS: dict[str, Callable[[Path], ArraySet]] = {"mnist": _mnist, "fashion": _fashion, "ecg": _ecg}
"""By name: from the directory of the arrays."""


def numbers(table: pa.Table) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return arrays (rows, *shape), 0 to 1 where they are bytes, and labels as numbers."""
    cells = table.column("array").combine_chunks()
    if isinstance(cells, pa.FixedShapeTensorArray):
        arrays = cells.to_numpy_ndarray().astype(np.float32)
    else:  # one side is a plain list
        arrays = np.asarray(cells.flatten(), np.float32).reshape(len(cells), cells.type.list_size)
    scale = 255 if pa.types.is_uint8(cells.type.value_type) else 1
    labels = np.array([int(label) for label in table.column("label").to_pylist()])
    return arrays / scale, labels
