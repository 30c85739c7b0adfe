"""Array columns as they come: tensors, fixed-size lists (nested too), lists of one length."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.errors import SchemaError, Violation, shorten

__all__ = ["array_shape", "as_arrays", "element_type", "is_list"]


def is_list(kind: pa.DataType) -> bool:
    """Return whether the type's cells are arrays."""
    return bool(
        isinstance(kind, pa.FixedShapeTensorType)
        or pt.is_fixed_size_list(kind)
        or pt.is_list(kind)
        or pt.is_large_list(kind)
    )


def element_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the innermost elements."""
    return element_type(kind.value_type) if is_list(kind) else kind


def array_shape(name: str, cells: pa.Array) -> tuple[int, ...]:
    """Return the one shape that all present cells have.

    Raises:
        SchemaError: Cells differ in shape, or none is there to tell it.
    """
    kind = cells.type
    if isinstance(kind, pa.FixedShapeTensorType):
        return tuple(kind.shape)
    shape: tuple[int, ...] = ()
    while is_list(cells.type):
        shape = (*shape, _length(name, cells))
        cells = cells.drop_null().flatten()
    return shape


def _length(name: str, cells: pa.Array) -> int:
    if pt.is_fixed_size_list(cells.type):
        return int(cells.type.list_size)
    lengths = np.asarray(cells.drop_null().value_lengths())
    if len(lengths) and (lengths == lengths[0]).all() and lengths[0] > 0:
        return int(lengths[0])
    row = int(np.argmax(lengths != lengths[0])) if len(lengths) else 0
    value = f"lengths {lengths[0]} and {lengths[row]}" if len(lengths) else "no list at all"
    remedy = "Cut or pad the lists to one length, or drop the column"
    raise SchemaError(
        Violation(f"columns.{name}", "must have lists of one length, at least 1", value, remedy)
    )


def as_arrays(name: str, cells: pa.Array, shape: tuple[int, ...], kind: pa.DataType) -> pa.Array:
    """Return cells of any array type as `kind`, a fixed-size list or tensor of that shape.

    Raises:
        SchemaError: Another shape, a missing or infinite element, or one that `kind` cannot hold.
    """
    field, width = f"columns.{name}", math.prod(shape)
    if not is_list(cells.type):
        raise SchemaError.of(field, f"must hold arrays of shape {shape}", str(cells.type))
    found = array_shape(name, cells)
    if math.prod(found) != width or (len(found) > 1 and found != shape):
        raise SchemaError.of(field, f"must hold arrays of shape {shape}", found)
    present = np.asarray(cells.is_valid())
    storage = cells.storage if isinstance(cells, pa.ExtensionArray) else cells
    flat = storage.drop_null()
    while is_list(flat.type):
        flat = flat.flatten()
    _check_elements(field, flat, present, width)
    elements = _cast_elements(field, flat, element_type(kind))
    rows = np.cumsum(present) - 1
    packed = pa.FixedSizeListArray.from_arrays(elements, width)
    full = packed.take(pa.array(rows, mask=~present)) if not present.all() else packed
    return full if full.type == kind else full.cast(kind)


def _check_elements(field: str, flat: pa.Array, present: np.ndarray, width: int) -> None:
    if pt.is_floating(flat.type):
        bad = ~np.isfinite(np.asarray(flat.fill_null(np.nan).cast(pa.float64())))
    else:
        bad = np.asarray(flat.is_null())
    if bad.any():
        place = int(np.argmax(bad))
        row = int(np.flatnonzero(present)[place // width])
        value = shorten(flat[place].as_py())
        remedy = "Fill the element, or leave the whole array missing"
        raise SchemaError(
            Violation(f"{field}.rows[{row}]", "must have finite elements, none missing", value, remedy)
        )


def _cast_elements(field: str, flat: pa.Array, element: pa.DataType) -> pa.Array:
    if flat.type == element:
        return flat
    try:
        return flat.cast(element)
    except pa.ArrowException as exc:
        raise SchemaError.of(
            field, f"must have elements of {element}", str(flat.type), "Cast the arrays"
        ) from exc
