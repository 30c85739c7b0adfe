"""Which type a column of text has, and its cells in that type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.data.datetimes import looks_like_datetime, readings_of
from augment.errors import DataFileError, Violation, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Cells", "TypedColumn", "cells_of", "type_column"]

_INTEGER = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INFINITY = r"^[+-]?(?i:inf|infinity)$"
_LEADING_ZERO = r"^[+-]?0[0-9]"
_MIXED_SHARE = 0.9
_MIXTURE_REMEDY = (
    "Mend the cell, name its spelling among the missing ones, "
    "or declare the column a category in a schema file"
)
_INFINITY_REMEDY = "Leave the cell empty, or put a finite number there"


@dataclass(frozen=True)
class Cells:
    """One column of text by its distinct values.

    Attributes:
        name: The column's name.
        values: The distinct texts, trimmed; one that stands for a missing cell is null.
        codes: For each row, which of the values it has.
        counts: For each value, how many rows have it.
    """

    name: str
    values: pa.Array
    codes: pa.Array
    counts: NDArray[np.int64]

    @property
    def present(self) -> pa.Array:
        """The distinct values that are not missing."""
        return self.values.drop_null()

    def first_row(self, wanted: NDArray[np.bool_]) -> int:
        """Return the first row whose value is one of those wanted."""
        return int(np.argmax(wanted[np.asarray(self.codes)]))

    def spread(self, typed: pa.Array) -> pa.Array:
        """Return the column, given its distinct values in their type."""
        return typed.take(self.codes)


@dataclass(frozen=True)
class TypedColumn:
    """A column in its type.

    Attributes:
        values: Its cells, one a row.
        notes: What the text said beyond its values: the `format` of dates, a `note` for people.
    """

    values: pa.Array
    notes: dict[str, str]


def cells_of(name: str, column: pa.ChunkedArray, missing: Sequence[str]) -> Cells:
    """Return a text column by its distinct values, with the missing ones null."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    texts = pc.utf8_trim_whitespace(encoded.dictionary)
    absent = pc.is_in(texts, value_set=pa.array(missing, pa.string()))
    values = pc.if_else(absent, pa.scalar(None, pa.string()), texts)
    counts = np.bincount(np.asarray(encoded.indices), minlength=len(values))
    return Cells(name, values, encoded.indices, counts)


def type_column(cells: Cells, *, context: str) -> TypedColumn:
    """Give a column the narrowest type that all its cells have, and refuse mixtures.

    A column without a single cell is one of numbers, as it is for pandas.

    Raises:
        DataFileError: At least nine cells in ten are numbers or dates, but not all; or a number is
            infinite.
    """
    if not len(cells.present):
        return TypedColumn(pa.nulls(len(cells.codes), pa.float64()), {})
    for attempt in (_booleans, _integers, _numbers, _datetimes):
        if (typed := attempt(cells, context)) is not None:
            return typed
    if not _any(pc.match_substring_regex(cells.values, _LEADING_ZERO)):
        _refuse_mixture(cells, _is_number(cells.values), "a number as nearly all of the column is", context)
    return TypedColumn(cells.spread(cells.values), {})


def _all(mask: pa.Array) -> bool:
    return bool(pc.all(mask, skip_nulls=True).as_py())


def _any(mask: pa.Array) -> bool:
    return bool(pc.any(mask, skip_nulls=True).as_py())


def _booleans(cells: Cells, _context: str) -> TypedColumn | None:
    lower = pc.utf8_lower(cells.values)
    true = pc.equal(lower, "true")
    if not _all(pc.or_(true, pc.equal(lower, "false"))):
        return None
    return TypedColumn(cells.spread(true), {})


def _integers(cells: Cells, _context: str) -> TypedColumn | None:
    if not _all(pc.match_substring_regex(cells.values, _INTEGER)):
        return None
    if _any(pc.match_substring_regex(cells.values, _LEADING_ZERO)):
        return TypedColumn(cells.spread(cells.values), {"note": "leading zeros kept, so not a number"})
    digits = pc.utf8_ltrim(cells.values, characters="+")
    for kind in (pa.int64(), pa.uint64()):
        try:
            return TypedColumn(cells.spread(digits.cast(kind)), {})
        except pa.ArrowInvalid:
            continue
    return TypedColumn(
        cells.spread(cells.values), {"note": "whole numbers beyond 64 bits, kept exactly as text"}
    )


def _is_number(values: pa.Array) -> pa.Array:
    return pc.or_(pc.match_substring_regex(values, _NUMBER), pc.match_substring_regex(values, _INFINITY))


def _numbers(cells: Cells, context: str) -> TypedColumn | None:
    if not _all(_is_number(cells.values)) or _any(pc.match_substring_regex(cells.values, _LEADING_ZERO)):
        return None
    floats = cells.values.cast(pa.float64())
    infinite = np.isinf(np.asarray(floats.fill_null(0.0)))
    if infinite.any():
        raise _cell_error(cells, infinite, "must be a finite number", _INFINITY_REMEDY, context)
    return TypedColumn(cells.spread(floats), {})


def _datetimes(cells: Cells, context: str) -> TypedColumn | None:
    alike = looks_like_datetime(cells.values)
    if _share(cells, alike) < _MIXED_SHARE:
        return None
    readings = readings_of(cells.values)
    whole = [reading for reading in readings if reading.values.null_count == cells.values.null_count]
    if len(whole) == 1:
        return TypedColumn(cells.spread(whole[0].values), {"format": whole[0].format})
    if readings and not whole:
        best = max((reading.values.is_valid() for reading in readings), key=partial(_share, cells))
        _refuse_mixture(cells, best, "a date as nearly all of the column is", context)
    note = "days and months cannot be told apart" if whole else "shaped like dates, but of no single format"
    return TypedColumn(cells.spread(cells.values), {"note": note}) if _all(alike) else None


def _share(cells: Cells, fits: pa.Array) -> float:
    """Return the share of present cells whose value fits."""
    present = np.asarray(cells.values.is_valid())
    fitting = np.asarray(fits.fill_null(pa.scalar(value=False)))
    return float(cells.counts[fitting & present].sum() / cells.counts[present].sum())


def _refuse_mixture(cells: Cells, fits: pa.Array, what: str, context: str) -> None:
    if _share(cells, fits) >= _MIXED_SHARE:
        strangers = np.asarray(cells.values.is_valid()) & ~np.asarray(fits.fill_null(pa.scalar(value=False)))
        raise _cell_error(cells, strangers, f"must be {what}", _MIXTURE_REMEDY, context)


def _cell_error(
    cells: Cells, wanted: NDArray[np.bool_], rule: str, remedy: str, context: str
) -> DataFileError:
    row = cells.first_row(wanted)
    text = cells.values[cells.codes[row].as_py()].as_py()
    return DataFileError(
        Violation(f"columns.{cells.name}.rows[{row}]", rule, shorten(text), remedy), context=context
    )
