"""Feature matrices of any kind as DataFrames, and DataFrames as tables that models learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from augment.data import IdentifierColumn, IntegerColumn, NumberColumn, Schema, detect_schema
from augment.errors import SchemaError, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "CLASS",
    "as_frame",
    "column_of",
    "learnable",
    "like",
    "merged",
    "part_of_the_way",
    "position_of",
    "require_columns",
    "require_names",
    "schema_of",
]

CLASS = "class"


def as_frame(features: Any) -> pd.DataFrame:
    """Return a DataFrame of the features; rows are numbered, and so are columns that have no names."""
    if isinstance(features, pd.DataFrame):
        frame = features.reset_index(drop=True)
        for name, dtype in features.dtypes.items():
            if isinstance(dtype, pd.SparseDtype):
                frame[name] = frame[name].astype(dtype.subtype)
        return frame
    array = features.toarray() if sparse.issparse(features) else np.asarray(features)
    frame = pd.DataFrame(array)
    return frame.infer_objects() if array.dtype == object else frame


def require_columns(frame: pd.DataFrame) -> None:
    """Raise where there are no columns.

    Raises:
        SchemaError: There are none.
    """
    if not frame.shape[1]:
        raise SchemaError.of("columns", "must be at least 1", 0, "Give a DataFrame that has features")


def require_names(frame: pd.DataFrame) -> None:
    """Raise where two columns have one name.

    Raises:
        SchemaError: They do.
    """
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise SchemaError.of("columns", "must have different names", str(twice[0]), "Rename one of them")


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
    columns += [column_of(name, cells) for name, cells in frame.items()]
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
    columns = [parents.iloc[:, place] for place in range(len(names))]
    for place, where in zip(positions, redrawn.T, strict=True):
        own = columns[place]
        fresh = made.column(names[place]).to_pandas().reset_index(drop=True).astype(own.dtype)
        both = pd.concat([own, fresh], ignore_index=True)
        columns[place] = both.take(np.arange(len(own)) + len(own) * where).reset_index(drop=True)
    return _framed(columns, parents.columns)


def part_of_the_way(
    real: pd.DataFrame, made: pd.DataFrame, way: NDArray[np.float64], schema: Schema
) -> pd.DataFrame:
    """Return the made records with each number part of the way from the real record's.

    Numbers are rounded as their columns are; where one is missing on either side, the made cell stays.

    Args:
        real: N records.
        made: N records of the same types.
        way: For each record the part, 0 to 1, shape (N,).
        schema: What `schema_of` says of their table.
    """
    columns = [made.iloc[:, place].copy() for place in range(made.shape[1])]
    for column in schema.columns:
        place = position_of(column.name) if column.name != CLASS else None
        if place is None or real.dtypes.iloc[place].kind not in "iuf":
            continue
        start, end = (side.iloc[:, place].to_numpy(np.float64, na_value=np.nan) for side in (real, made))
        between = start + way * (end - start)
        decimals = column.decimals if isinstance(column, NumberColumn) else 0
        rounded = between if decimals is None else np.round(between, decimals)
        there = ~np.isnan(between) & (start != end)
        columns[place][there] = pd.Series(rounded[there]).astype(real.dtypes.iloc[place]).array
    return _framed(columns, made.columns)


def position_of(name: str) -> int:
    """Return the position of a feature by its name in the table."""
    return int(name.partition(" ")[0])


def _framed(columns: Sequence[pd.Series[Any]], names: pd.Index[Any]) -> pd.DataFrame:
    frame = pd.concat(list(columns), axis=1)
    frame.columns = names
    return frame


def _names(frame: pd.DataFrame) -> list[str]:
    return [f"{place} {name}" for place, name in enumerate(frame.columns)]


def column_of(name: Any, cells: pd.Series[Any]) -> pa.Array:
    """Return cells as Arrow has them."""
    try:
        column = pa.array(cells, from_pandas=True)
    except pa.ArrowException as exc:
        remedy = "Make it numbers, text, categories, booleans or dates"
        raise SchemaError.of(
            f"columns.{name}", "must have cells of one type", shorten(str(exc)), remedy
        ) from exc
    return column.cast(pa.int64()) if pa.types.is_duration(column.type) else column
