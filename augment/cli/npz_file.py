"""NumPy's NPZ from Arrow batches, in constant memory: one entry a column, its rows along the first axis.

| cells | become |
|---|---|
| numbers, truth values | their own dtype; float64 with NaN where any is missing |
| text, categories | text of the longest's width; empty where missing |
| points in time | datetime64 of their unit, in UTC; NaT where missing |
| decimals | float64 |
| arrays | their own dtype and shape; floats with NaN where any is missing |
"""

from __future__ import annotations

import math
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.lib import format as npy

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["write_npz"]

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The date of each entry: equal rows give equal bytes."""
_DAYS = {"date32[day]": "D", "date64[ms]": "ms"}


def write_npz(path: Path, gathered: Path) -> None:
    """Write the columns of an Arrow file as an NPZ archive without compression.

    Args:
        path: The file to write.
        gathered: An Arrow IPC file; it is read once or twice a column, one batch at a time.
    """
    with (
        pa.memory_map(str(gathered)) as source,
        pa.ipc.open_file(source) as reader,
        zipfile.ZipFile(path, "w") as archive,
    ):
        for place, field in enumerate(reader.schema):
            entry = zipfile.ZipInfo(f"{field.name}.npy", _EARLIEST)
            with archive.open(entry, "w", force_zip64=True) as file:
                _write_column(file, reader, place)


def _write_column(file: Any, reader: pa.RecordBatchFileReader, place: int) -> None:
    """Write one column as NPY, which begins with dtype and shape of the whole."""
    kind = reader.schema.field(place).type
    batches = range(reader.num_record_batches)
    dtype = _dtype(kind, reader, place)
    rows = sum(reader.get_batch(number).num_rows for number in batches)
    shape = (rows, *_sides(kind))
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_2_0(file, header)
    for number in batches:
        cells = _cells(reader.get_batch(number).column(place), dtype)
        file.write(np.ascontiguousarray(cells, dtype).tobytes())


def _dtype(kind: pa.DataType, reader: pa.RecordBatchFileReader, place: int) -> np.dtype[Any]:
    """Return the dtype that holds all cells of a column."""
    columns = [reader.get_batch(number).column(place) for number in range(reader.num_record_batches)]
    missing = any(column.null_count for column in columns)
    element = _element(kind)
    if pt.is_timestamp(element):
        return np.dtype(f"<M8[{element.unit}]")
    if str(element) in _DAYS:
        return np.dtype(f"<M8[{_DAYS[str(element)]}]")
    if _is_text(element):
        return np.dtype(f"<U{max([1, *map(_longest, columns)])}")
    if pt.is_decimal(element) or pt.is_null(element):
        return np.dtype("<f8")
    own = np.dtype(element.to_pandas_dtype())
    return np.dtype("<f8") if missing and own.kind != "f" else own


def _cells(column: pa.Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the cells as an array (rows, *shape)."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    sides, element = _sides(column.type), _element(column.type)
    if sides:
        return _arrays(column, dtype).reshape(len(column), *sides)
    if _is_text(element):
        return np.array(column.cast(pa.large_string()).fill_null("").to_pylist(), dtype)
    if dtype.kind == "M":
        wide = column.cast(pa.int32()) if pt.is_date32(element) else column
        numbers = wide.cast(pa.int64()).fill_null(np.iinfo(np.int64).min)
        return np.asarray(numbers).view(dtype)
    return _plain(column, dtype)


def _arrays(column: pa.Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the elements of arrays of one shape, side by side: (rows, elements)."""
    flat = column.storage if isinstance(column, pa.ExtensionArray) else column
    present = np.asarray(flat.is_valid())
    width = math.prod(_sides(column.type))
    cells = np.full((len(column), width), np.nan if dtype.kind == "f" else 0, dtype)
    flat = flat.drop_null()
    while pt.is_fixed_size_list(flat.type):
        flat = flat.flatten()
    cells[present] = np.asarray(flat).reshape(-1, width)
    return cells


def _plain(column: pa.Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers and truth values; NaN where they are missing."""
    if dtype.kind != "f":
        return np.asarray(column)
    if pt.is_boolean(column.type):
        column = column.cast(pa.int8())
    numbers = column.cast(pa.from_numpy_dtype(dtype), safe=False)
    return np.asarray(numbers.fill_null(np.nan))


def _sides(kind: pa.DataType) -> tuple[int, ...]:
    """Return the shape of a cell: none of a plain one."""
    if isinstance(kind, pa.FixedShapeTensorType):
        return tuple(kind.shape)
    if pt.is_fixed_size_list(kind):
        return (int(kind.list_size), *_sides(kind.value_type))
    return ()


def _element(kind: pa.DataType) -> pa.DataType:
    """Return the type of a cell, of an array's elements, or of a dictionary's values."""
    if isinstance(kind, pa.FixedShapeTensorType) or pt.is_fixed_size_list(kind) or pt.is_dictionary(kind):
        return _element(kind.value_type)
    return kind


def _is_text(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind))


def _longest(column: pa.Array) -> int:
    """Return the number of characters of the longest text."""
    plain = column.dictionary if isinstance(column, pa.DictionaryArray) else column
    return pc.max(pc.utf8_length(plain.cast(pa.large_string()))).as_py() or 0
