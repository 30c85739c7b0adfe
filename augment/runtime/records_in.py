"""Takes in a caller's records and latent vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.data import conform
from augment.data.conform import type_fault
from augment.errors import ColumnNotFoundError, InvalidInputError, RecordsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data import Schema

__all__ = ["conformed", "latent_matrix", "latent_names", "require_columns"]


def conformed(table: pa.Table, schema: Schema, *, partial: bool, context: str = "") -> pa.Table:
    """Return the table's columns in the schema's storage types.

    Args:
        table: A caller's records.
        schema: The model's columns.
        partial: Whether columns may be absent; they count as missing throughout.
        context: Which of several tables this is, for messages.

    Raises:
        RecordsError: The table has no rows, or does not fit the schema.
    """
    if not isinstance(table, pa.Table):
        raise RecordsError.of("records", "must be a pyarrow.Table", type(table).__name__, context=context)
    if table.num_rows == 0:
        raise RecordsError.of("records", "must have at least 1 row", 0, context=context)
    return _conformed(table, schema, partial=partial, context=context)


def require_columns(found: pa.Schema, schema: Schema, *, partial: bool) -> None:
    """Refuse records by their columns and types, before any record is there.

    Raises:
        RecordsError: A column is missing, unknown, or of a type whose cells can only be missing ones.
    """
    nothing = pa.table({name: pa.nulls(0) for name in found.names})
    _conformed(nothing, schema, partial=partial, context="")
    there = [column for column in schema.columns if column.name in found.names]
    faults = [fault for column in there if (fault := type_fault(column, found.field(column.name).type))]
    if faults:
        raise RecordsError(*faults)


def _conformed(table: pa.Table, schema: Schema, *, partial: bool, context: str) -> pa.Table:
    try:
        return conform(table, schema, partial=partial)
    except ColumnNotFoundError as exc:
        remedy = "Add it, if only with missing cells"
        raise RecordsError.of(
            f"columns.{exc.name}", "must be there", "no such column", remedy, context=context
        ) from exc
    except InvalidInputError as exc:
        raise RecordsError(*exc.violations, context=context or exc.context) from exc


def latent_names(width: int) -> list[str]:
    """Return the column names of latent vectors, `latent_0` and so on."""
    return [f"latent_{index}" for index in range(width)]


def latent_matrix(latent: pa.Table | NDArray[np.floating], width: int) -> NDArray[np.float32]:
    """Return latent vectors as float32 of shape (rows, width).

    Args:
        latent: A table with the columns `latent_0` and so on, in any order, or an array of that shape.
        width: The model's latent width.

    Raises:
        RecordsError: Columns or shape differ, a cell is missing, no number, NaN or infinite.
    """
    matrix = _stacked(latent, width) if isinstance(latent, pa.Table) else _array(latent, width)
    if len(matrix) == 0:
        raise RecordsError.of("latent", "must have at least 1 row", 0)
    with np.errstate(over="ignore"):
        result = matrix.astype(np.float32)
    if not np.isfinite(result).all():
        row, column = np.argwhere(~np.isfinite(result))[0]
        field = f"columns.latent_{column}.rows[{row}]"
        raise RecordsError.of(field, "must be a finite float32", float(matrix[row, column]))
    return result


def _stacked(latent: pa.Table, width: int) -> NDArray[np.float64]:
    """Return a table's columns side by side."""
    names = latent_names(width)
    if sorted(latent.column_names) != sorted(names):
        rule = f"must have exactly the columns latent_0 to latent_{width - 1}"
        raise RecordsError.of("latent", rule, latent.column_names)
    return np.stack([_numbers(latent, name) for name in names], axis=1)


def _numbers(latent: pa.Table, name: str) -> NDArray[np.float64]:
    """Return one column as float64."""
    column = latent.column(name)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise RecordsError.of(f"columns.{name}.rows[{row}]", "must not be missing", None)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise RecordsError.of(f"columns.{name}", "must be numbers", str(column.type))
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def _array(latent: NDArray[np.floating], width: int) -> NDArray[np.float64]:
    """Return an array as float64 of two dimensions."""
    array = np.asarray(latent)
    if array.ndim != 2 or array.shape[1] != width or array.dtype.kind not in "fiu":  # noqa: PLR2004 - a matrix
        found = f"{array.dtype} of shape {list(array.shape)}"
        raise RecordsError.of("latent", f"must be numbers of shape [rows, {width}]", found)
    return array.astype(np.float64)
