"""Columns as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch

from augment_client.errors import InvalidRecordsError, InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment_client.results import ColumnInfo, ModelInfo

__all__ = ["SYNTHETIC", "Encoding"]

SYNTHETIC = "_synthetic"
"""The column that says of each row whether it is synthetic."""

_LEFT_OUT = ("identifier", "text")
_MISSING = -1


@dataclass(frozen=True)
class Encoding:
    """How the rows of a model become tensors, one a column, with one entry a row.

    ========================  ==================================================================
    kind of the column        tensor
    ========================  ==================================================================
    number                    float32, NaN where missing
    integer                   int64, or, where cells may be missing, float32 with NaN for these
    boolean                   int64: 0, 1, and -1 where missing
    category                  int64: the place in `ColumnInfo.categories`, -1 where missing or none of them
    datetime                  float64: seconds since 1970, UTC, NaN where missing
    array                     float32 of shape (rows, *shape), NaN where missing
    identifier, text          left out
    `_synthetic`              bool: whether the row is synthetic
    ========================  ==================================================================

    Attributes:
        columns: Those that become tensors.
    """

    columns: tuple[ColumnInfo, ...]

    @classmethod
    def of(cls, info: ModelInfo, names: Sequence[str] | None) -> Encoding:
        """Return the encoding of a model's records.

        Args:
            info: The model.
            names: The columns wanted; None: all that can be encoded.

        Raises:
            InvalidRequestError: A column is not there or cannot be encoded.
        """
        known = {column.name: column for column in info.columns}
        if names is None:
            names = [name for name, column in known.items() if column.kind not in _LEFT_OUT]
        for name in names:
            if name not in known:
                raise InvalidRequestError.of("columns", f"must be of {list(known)}", name)
            _require_encodable(known[name])
        return cls(tuple(known[name] for name in names))

    def tensors(self, batch: pa.RecordBatch) -> dict[str, torch.Tensor]:
        """Return a tensor for each column and `_synthetic`.

        Raises:
            InvalidRecordsError: A cell has no place in its tensor.
        """
        made = {column.name: _tensor(batch.column(column.name), column) for column in self.columns}
        made[SYNTHETIC] = torch.from_numpy(_numbers(batch.column(SYNTHETIC)).astype(np.bool_))
        return made


def _require_encodable(column: ColumnInfo) -> None:
    remedy = "Name others in columns, or give a transform"
    if column.kind in _LEFT_OUT:
        raise InvalidRequestError.of("columns", f"must not be of kind {column.kind}", column.name, remedy)
    if column.category_count > len(column.categories):
        rule = f"must have at most {len(column.categories)} categories, of which the server tells"
        raise InvalidRequestError.of(f"columns.{column.name}", rule, column.category_count, remedy)


def _tensor(cells: Any, column: ColumnInfo) -> torch.Tensor:
    try:
        return torch.from_numpy(_array(cells, column))
    except (pa.ArrowException, ValueError, TypeError) as error:
        rule = f"must have cells that are of kind {column.kind}"
        raise InvalidRecordsError.of(f"columns.{column.name}", rule, str(error)) from error


def _array(cells: Any, column: ColumnInfo) -> np.ndarray[Any, Any]:
    if column.kind in ("category", "boolean"):
        return _codes(cells, column.categories)
    if column.kind == "datetime":
        return _seconds(cells)
    if column.kind == "array":
        return _stacked(cells, column.shape)
    if column.kind == "integer" and not column.nullable:
        return _whole(cells)
    return _numbers(cells.cast(pa.float64())).astype(np.float32)


def _numbers(cells: Any) -> np.ndarray[Any, Any]:
    """Return cells as numpy has them, NaN where missing; the copy can be written to, as torch wants it."""
    return np.array(cells.to_numpy(zero_copy_only=False))


def _whole(cells: Any) -> np.ndarray[Any, Any]:
    if cells.null_count:
        raise ValueError(f"{cells.null_count} missing cells, of which the model's schema has none")
    return _numbers(cells.cast(pa.int64()))


def _codes(cells: Any, levels: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Return the place of each cell's text among the levels; each value is looked up once, not each cell."""
    encoded = cells.dictionary_encode()
    places = {level: place for place, level in enumerate(levels)}
    codes = np.array(
        [places.get(_text(value), _MISSING) for value in encoded.dictionary.to_pylist()], np.int64
    )
    indices = _numbers(encoded.indices.fill_null(len(codes)))
    found: np.ndarray[Any, Any] = np.append(codes, np.int64(_MISSING))[indices]
    return found


def _text(value: object) -> str:
    """Return a level as the server tells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _seconds(cells: Any) -> np.ndarray[Any, Any]:
    kind = cells.type
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    unit = pa.timestamp("ns" if pa.types.is_timestamp(kind) and kind.unit == "ns" else "us", tz=zone)
    ticks = cells.cast(unit).cast(pa.int64())
    missing = _numbers(ticks.is_null())
    seconds = _numbers(ticks.fill_null(0)).astype(np.float64) / (1e9 if unit.unit == "ns" else 1e6)
    seconds[missing] = np.nan
    return seconds


def _stacked(cells: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    storage = cells.storage if isinstance(cells.type, pa.BaseExtensionType) else cells
    present = _numbers(storage.is_valid())
    values = storage.drop_null().flatten()
    while pa.types.is_nested(values.type):
        values = values.flatten()
    stacked = np.full((len(storage), *shape), np.nan, np.float32)
    stacked[present] = _numbers(values.cast(pa.float32())).reshape(-1, *shape)
    return stacked
