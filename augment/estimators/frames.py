"""Feature matrices of any kind as DataFrames, and DataFrames as tables that models learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from augment.data import IdentifierColumn, IntegerColumn, Schema, detect_schema
from augment.errors import SchemaError, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["CLASS", "as_frame", "learnable", "like", "merged", "schema_of"]

CLASS = "class"


def as_frame(features: Any) -> pd.DataFrame:
    """Return a DataFrame of the features, rows and columns numbered where they have no names.

    Raises:
        SchemaError: Two columns have one name.
    """
    if isinstance(features, pd.DataFrame):
        twice = features.columns[features.columns.duplicated()]
        if len(twice):
            raise SchemaError.of("columns", "must have different names", str(twice[0]), "Rename one of them")
        dense = {
            name: features[name].sparse.to_dense()
            for name, dtype in features.dtypes.items()
            if isinstance(dtype, pd.SparseDtype)
        }
        return features.assign(**dense).reset_index(drop=True) if dense else features.reset_index(drop=True)
    array = features.toarray() if sparse.issparse(features) else np.asarray(features)
    frame = pd.DataFrame(array)
    return frame.infer_objects() if array.dtype == object else frame


def like(features: Any, frame: pd.DataFrame) -> Any:
    """Return a DataFrame as the kind of matrix that `features` is, with its number type."""
    if isinstance(features, pd.DataFrame):
        return frame
    if sparse.issparse(features):
        return type(features)(frame.to_numpy(features.dtype))
    array = np.asarray(features)
    return frame.astype(object).to_numpy() if array.dtype == object else frame.to_numpy(array.dtype)


def learnable(frame: pd.DataFrame, classes: NDArray[np.int64]) -> pa.Table:
    """Return the class, as text, and the features as a table; feature `i` is called `i name`.

    Numbered names differ from each other and from the class's whatever the features are called. The
    class comes first, so that records made from nothing follow it.
    """
    columns = [pa.array(classes.astype(str))]
    columns += [_column(name, cells) for name, cells in frame.items()]
    return pa.table(columns, names=[CLASS, *_names(frame)])


def schema_of(table: pa.Table) -> Schema:
    """Return the schema of a table made by `learnable`.

    A feature is there to be learnt: whole numbers that count rows are numbers here.
    """
    schema = detect_schema(table, target=CLASS)
    columns = [
        IntegerColumn(name=one.name, nullable=one.nullable, storage=one.storage, why=one.why)
        if isinstance(one, IdentifierColumn) and not one.pattern
        else one
        for one in schema.columns
    ]
    return Schema(columns=tuple(columns))


def merged(
    parents: pd.DataFrame, made: pa.Table, redrawn: NDArray[np.bool_], positions: Sequence[int]
) -> pd.DataFrame:
    """Return the parents with the redrawn cells as made, in the parents' types.

    Args:
        parents: N records.
        made: N records of a table made by `learnable`; columns that no model learns may be absent.
        redrawn: Shape (N, K): which cells of K features are taken from `made`.
        positions: The features' positions among the parents' columns.
    """
    names = _names(parents)
    columns = {name: parents.iloc[:, place] for place, name in enumerate(names)}
    for place, where in zip(positions, redrawn.T, strict=True):
        own = columns[names[place]]
        fresh = _restored(made.column(names[place]), own)
        both = pd.concat([own, fresh], ignore_index=True)
        columns[names[place]] = both.take(np.arange(len(own)) + len(own) * where).reset_index(drop=True)
    frame = pd.concat(list(columns.values()), axis=1)
    frame.columns = parents.columns
    return frame


def _names(frame: pd.DataFrame) -> list[str]:
    return [f"{place} {name}" for place, name in enumerate(frame.columns)]


def _column(name: Any, cells: pd.Series[Any]) -> pa.Array:
    """Return cells as Arrow has them."""
    try:
        column = pa.array(cells, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as exc:
        remedy = "Make it numbers, text, categories, booleans or dates"
        raise SchemaError.of(
            f"columns.{name}", "must have cells of one type", shorten(str(exc)), remedy
        ) from exc
    return column.cast(pa.int64()) if pa.types.is_duration(column.type) else column


def _restored(column: pa.ChunkedArray, own: pd.Series[Any]) -> pd.Series[Any]:
    """Return made cells in the type of the real ones."""
    cells = column.to_pandas().reset_index(drop=True)
    return cells.astype(own.dtype)
