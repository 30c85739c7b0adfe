"""Files of arrays: NumPy's NPY and NPZ, and idx, the format of MNIST."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.errors import DataFileError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["IDX_TYPES", "column_of", "idx_magic", "read_idx", "read_npy", "read_npz"]

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""numpy's names of the types that the third byte of an idx file tells."""
_GZIP = b"\x1f\x8b"
_HEAD = 4
_MOST_SIDES = 8
_WORDS = (("images", "labels"), ("idx3", "idx1"))


def idx_magic(start: bytes) -> bool:
    """Return whether the first 4 bytes are those of an idx file."""
    return (
        len(start) >= _HEAD
        and start[:2] == b"\0\0"
        and start[2] in IDX_TYPES
        and 1 <= start[3] <= _MOST_SIDES
    )


def read_npz(path: Path) -> pa.Table:
    """Read an NPZ archive: each of its arrays is a column, row by row.

    Objects, which would be pickles, are refused.

    Raises:
        DataFileError: It is no NPZ, or an array is no numbers or text, or they differ in rows.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as exc:
        remedy = "Save plain arrays with numpy.savez, none of dtype object"
        raise DataFileError.of("file", "must be a readable NPZ", str(exc), remedy, context=str(path)) from exc
    rows = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        rule = "must be arrays with as many rows each"
        raise DataFileError.of("file", rule, rows, "One array a column, one row a record", context=str(path))
    return pa.table({name: column_of(name, array, path) for name, array in arrays.items()})


def read_npy(path: Path) -> pa.Table:
    """Read an NPY file: its array is the column `array`, rows along the first axis.

    Objects, which would be pickles, are refused.

    Raises:
        DataFileError: It is cut short or damaged, or its array is no numbers or text.
    """
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, EOFError) as exc:
        remedy = "Save one plain array with numpy.save, not of dtype object"
        raise DataFileError.of("file", "must be a readable NPY", str(exc), remedy, context=str(path)) from exc
    return pa.table({"array": column_of("array", np.array(array), path)})


def read_idx(path: Path) -> pa.Table:
    """Read an idx file, gzipped or not: a column `image`, `label` or `array`.

    Beside images, the labels of the file whose name has `labels-idx1` in the place of `images-idx3` are read,
    if it is there.

    Raises:
        DataFileError: It is cut short or damaged, or its labels are not as many.
    """
    array = _idx(path)
    name = (
        "array" if array.ndim == 1 and "label" not in path.name else "label" if array.ndim == 1 else "image"
    )
    columns = {name: column_of(name, array, path)}
    beside = path.with_name(_labels_name(path.name))
    if beside != path and beside.is_file():
        labels = _idx(beside)
        if len(labels) != len(array) or labels.ndim != 1:
            value = f"{labels.shape} beside {len(array)} in {path.name}"
            raise DataFileError.of("labels", "must be one for each array", value, context=str(beside))
        columns["label"] = column_of("label", labels, beside)
    return pa.table(columns)


def column_of(name: str, array: np.ndarray, path: Path) -> pa.Array:
    """Return an array (rows, *shape) as a column: tensors, or plain cells where it has no further side.

    Raises:
        DataFileError: Its dtype is none that a column can have.
    """
    if array.dtype.kind not in "biufUSM" or not array.ndim:
        rule = "must hold numbers, truth values, text or dates, one row a record"
        value = f"{array.dtype} of shape {array.shape}"
        raise DataFileError.of(name, rule, value, "Cast the array", context=str(path))
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if native.ndim == 1:
        return pa.array(native.astype(str).tolist() if native.dtype.kind in "US" else native)
    if native.dtype.kind not in "iuf" or not native.size:
        rule = "must hold numbers where cells are arrays, and at least one"
        raise DataFileError.of(name, rule, f"{array.dtype} of shape {array.shape}", context=str(path))
    flat = pa.FixedSizeListArray.from_arrays(pa.array(native.reshape(-1)), int(np.prod(native.shape[1:])))
    tensor = pa.fixed_shape_tensor(flat.type.value_type, native.shape[1:])
    return pa.ExtensionArray.from_storage(tensor, flat)


def _labels_name(name: str) -> str:
    for images, labels in _WORDS:
        name = name.replace(images, labels)
    return name


def _idx(path: Path) -> np.ndarray:
    """Return the array of an idx file; http://yann.lecun.com/exdb/mnist tells the format."""
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(_GZIP) else data
    except (OSError, EOFError, gzip.zlib.error) as exc:  # type: ignore[attr-defined] # a truncated stream
        raise DataFileError.of("file", "must be readable as idx", str(exc), context=str(path)) from exc
    if not idx_magic(data[:_HEAD]):
        raise DataFileError.of("file", "must begin as an idx file", data[:_HEAD], context=str(path))
    kind, begin = np.dtype(IDX_TYPES[data[2]]), _HEAD + 4 * data[3]
    shape = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(_HEAD, begin, 4))
    wanted = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if len(data) - begin != wanted or len(data) < begin:
        value = f"{max(0, len(data) - begin):,} bytes of {wanted:,}"
        rule = f"must hold all elements of the shape {shape}"
        raise DataFileError.of("file", rule, value, "The file is cut short or damaged", context=str(path))
    return np.frombuffer(data, kind, offset=begin).reshape(shape)
