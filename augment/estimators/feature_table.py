"""Feature matrices as the tables that models learn, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from augment.data import IdentifierColumn, IntegerColumn, Schema, TextColumn, detect_schema
from augment.errors import RecordsError, RequestError, SchemaError
from augment.estimators.frames import as_frame, column_of, require_names

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

__all__ = ["ELEMENTS", "FeatureTable"]

ELEMENTS = "x"
_FEWEST_ELEMENTS = 64


@dataclass(frozen=True)
class FeatureTable:
    """How a kind of feature matrix becomes a table.

    Attributes:
        names: The table's columns.
        labels: What a DataFrame calls its columns, in the same order; none: the matrices are no DataFrames.
        array: The shape of the one array column that a row is; empty: each feature is a column.
    """

    names: tuple[str, ...]
    labels: tuple[Hashable, ...]
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
            if as_array:
                rule = "must be None or False for a DataFrame: each of its columns has a scale of its own"
                raise RequestError.of("as_array", rule, as_array, "Give the matrix, as frame.to_numpy() does")
            return cls(tuple(map(str, features.columns)), labels=tuple(features.columns), array=())
        width = features.shape[1]
        if as_array is None:
            as_array = width >= _FEWEST_ELEMENTS and bool(np.isfinite(_dense(features)).all())
        if isinstance(as_array, tuple):
            return cls((ELEMENTS,), labels=(), array=_shape(as_array, width))
        if as_array:
            return cls((ELEMENTS,), labels=(), array=(width,))
        return cls(tuple(f"x{place}" for place in range(width)), labels=(), array=())

    def table(self, features: Any) -> pa.Table:
        """Return the features as a table."""
        if self.array:
            dense = _dense(features)
            _require_whole(dense)
            cells = np.ascontiguousarray(dense, np.float32).reshape(-1, *self.array)
            return pa.table({ELEMENTS: pa.FixedShapeTensorArray.from_numpy_ndarray(cells)})
        if self.labels:
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
        """Return the schema of a table: whole numbers that count rows are numbers, not identifiers.

        Raises:
            SchemaError: No column can be learnt.
        """
        schema = Schema(columns=tuple(_learnable(one) for one in detect_schema(table).columns))
        if all(isinstance(one, IdentifierColumn | TextColumn) for one in schema.columns):
            remedy = "Identifiers and free text are never learnt; give features of another kind too"
            raise SchemaError.of("columns", "must have one that can be learnt", "none", remedy)
        return schema

    def features(self, table: pa.Table) -> Any:
        """Return a table as a DataFrame, or as the matrix of numbers that it was."""
        if self.array:
            cells = table.column(ELEMENTS).combine_chunks()
            flat = cells.storage if isinstance(cells, pa.ExtensionArray) else cells
            return np.asarray(flat.flatten()).reshape(table.num_rows, -1)
        if self.labels:
            labels = dict(zip(self.names, self.labels, strict=True))
            frame = table.to_pandas()
            frame.columns = pd.Index([labels[name] for name in table.column_names])
            return frame
        columns = [table.column(name).to_numpy() for name in table.column_names]
        return np.stack(columns, axis=1).astype(np.float64)


def _dense(features: Any) -> NDArray[Any]:
    return features.toarray() if sparse.issparse(features) else np.asarray(features)


def _shape(wanted: tuple[Any, ...], width: int) -> tuple[int, ...]:
    """Return the shape of a row's array."""
    sides = all(isinstance(side, int | np.integer) and side > 0 for side in wanted)
    if not wanted or not sides or math.prod(wanted) != width:
        rule = f"must be a shape of as many elements as the matrix has columns, {width}"
        raise RequestError.of("as_array", rule, wanted, "as_array=False makes each column a number")
    return tuple(map(int, wanted))


def _require_whole(matrix: NDArray[Any]) -> None:
    """Raise where an element is missing: arrays are there as a whole."""
    gone = np.isnan(matrix)
    if gone.any():
        row, place = map(int, np.argwhere(gone)[0])
        rule = "must be there: a row of this matrix is taken for one array, in which no element is missing"
        remedy = "Fill it, or fit with as_array=False: each column is then a number, and may be missing"
        raise RecordsError.of(f"X[{row}, {place}]", rule, float("nan"), remedy)


def _learnable(column: Any) -> Any:
    if isinstance(column, IdentifierColumn) and not column.pattern:
        return IntegerColumn(
            name=column.name, nullable=column.nullable, storage=column.storage, why=column.why
        )
    return column
