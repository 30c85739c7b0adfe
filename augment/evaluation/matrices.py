"""Tables as matrices that scikit-learn's boosted trees take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from augment.evaluation.arrays import flat_arrays
from augment.evaluation.cells import compared, is_number, labels, numbers, top_labels
from augment.evaluation.trees import MAX_LEVELS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data.schema import Column, Schema

__all__ = ["categorical", "features", "matrices"]

MAX_ELEMENTS = 128  # of an array; more are thinned out evenly


def features(schema: Schema, *tables: pa.Table) -> list[Column]:
    """Return the columns that trees can learn from: those that are compared, and arrays."""
    arrays = [column for column in schema.columns if column.kind == "array"]
    there = [column for column in arrays if all(column.name in table.column_names for table in tables)]
    return [*compared(schema, *tables), *there]


def matrices(columns: list[Column], reference: pa.Table, *tables: pa.Table) -> list[NDArray[np.float64]]:
    """Return each table's columns side by side, shape (rows, width), NaN where a number is missing.

    Levels become codes, the same in all tables: their rank by frequency in `reference`. An array is
    as many columns as it has elements.
    """
    parts = [_parts(column, reference, tables) for column in columns]
    return [np.concatenate([part[index] for part in parts], axis=1) for index in range(len(tables))]


def categorical(columns: list[Column], reference: pa.Table) -> list[bool]:
    """Return for each column of the matrices whether it holds codes of levels."""
    return [
        column.kind in {"category", "boolean"}
        for column in columns
        for _ in range(_parts(column, reference, (reference.slice(0, 1),))[0].shape[1])
    ]


def _parts(column: Column, reference: pa.Table, tables: tuple[pa.Table, ...]) -> list[NDArray[np.float64]]:
    """Return one column of each table, shape (rows, 1), or (rows, elements) for arrays."""
    cells = [table[column.name] for table in tables]
    if column.kind == "array":
        return [_thinned(flat_arrays(values)) for values in cells]
    if is_number(column):
        return [numbers(values)[:, None] for values in cells]
    codes = {level: code for code, level in enumerate(top_labels(labels(reference[column.name]), MAX_LEVELS))}
    return [
        np.array([codes.get(cell, len(codes)) for cell in labels(values)], dtype=np.float64)[:, None]
        for values in cells
    ]


def _thinned(elements: NDArray[np.float64]) -> NDArray[np.float64]:
    width = elements.shape[1]
    if width <= MAX_ELEMENTS:
        return elements
    return elements[:, np.linspace(0, width - 1, MAX_ELEMENTS).round().astype(int)]
