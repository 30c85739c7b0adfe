"""Feature matrices as the tables that models learn, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from augment.data import IdentifierColumn, IntegerColumn, Schema, detect_schema
from augment.estimators.frames import as_frame, column_of, require_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ELEMENTS", "FeatureTable"]

ELEMENTS = "x"
_FEWEST_ELEMENTS = 64


@dataclass(frozen=True)
class FeatureTable:
    """How a kind of feature matrix becomes a table.

    Attributes:
        names: The table's columns.
        frame: Whether the matrices are DataFrames.
        array: The shape of the one array column that a row is; empty: each feature is a column.
    """

    names: tuple[str, ...]
    frame: bool
    array: tuple[int, ...]

    @classmethod
    def of(cls, features: Any, *, as_array: bool | tuple[int, ...] | None) -> FeatureTable:
        """Return how to take such features in.

        Args:
            features: A DataFrame, or a matrix of numbers.
            as_array: Whether a row is one array whose elements have one scale, as the pixels of an image
                have; or the array's shape. None: a matrix of 64 columns or more without missing cells is.
        """
        if isinstance(features, pd.DataFrame):
            require_names(features)
            return cls(tuple(map(str, features.columns)), frame=True, array=())
        width = features.shape[1]
        if as_array is None:
            as_array = width >= _FEWEST_ELEMENTS and bool(np.isfinite(_dense(features)).all())
        if as_array is False:
            return cls(tuple(f"x{place}" for place in range(width)), frame=False, array=())
        return cls((ELEMENTS,), frame=False, array=(width,) if as_array is True else tuple(as_array))

    def table(self, features: Any) -> pa.Table:
        """Return the features as a table."""
        if self.array:
            cells = np.ascontiguousarray(_dense(features), np.float32).reshape(-1, *self.array)
            return pa.table({ELEMENTS: pa.FixedShapeTensorArray.from_numpy_ndarray(cells)})
        if self.frame:
            frame = as_frame(features)
            columns = [column_of(name, frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
        else:
            dense = _dense(features)
            columns = [
                pa.array(dense[:, place].astype(np.float64), from_pandas=True)
                for place in range(dense.shape[1])
            ]
        return pa.table(columns, names=list(self.names))

    def schema(self, table: pa.Table) -> Schema:
        """Return the schema of a table: whole numbers that count rows are numbers, not identifiers."""
        return Schema(columns=tuple(_learnable(one) for one in detect_schema(table).columns))

    def features(self, table: pa.Table) -> Any:
        """Return a table as a DataFrame, or as the matrix of numbers that it was."""
        if self.array:
            cells = table.column(ELEMENTS).combine_chunks()
            flat = cells.storage if isinstance(cells, pa.ExtensionArray) else cells
            return np.asarray(flat.flatten()).reshape(table.num_rows, -1)
        if self.frame:
            return table.to_pandas()
        columns = [table.column(name).to_numpy() for name in table.column_names]
        return np.stack(columns, axis=1).astype(np.float64)


def _dense(features: Any) -> NDArray[Any]:
    return features.toarray() if sparse.issparse(features) else np.asarray(features)


def _learnable(column: Any) -> Any:
    if isinstance(column, IdentifierColumn) and not column.pattern:
        return IntegerColumn(
            name=column.name, nullable=column.nullable, storage=column.storage, why=column.why
        )
    return column
