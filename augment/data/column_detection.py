"""Which kind of column a column is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from augment.data.array_cells import array_shape, element_type, is_list
from augment.data.naming import name_says_identifier, name_says_quantity
from augment.data.patterns import find_pattern
from augment.data.rounding import fewest_decimals
from augment.data.schema import (
    ArrayColumn,
    BooleanColumn,
    CategoryColumn,
    DatetimeColumn,
    IdentifierColumn,
    IntegerColumn,
    NumberColumn,
    TextColumn,
)
from augment.data.storage import is_string, storage_name, storage_type
from augment.data.whole_numbers import fits_64_bits
from augment.errors import SchemaError, Violation

if TYPE_CHECKING:
    from augment.data.column_look import Look
    from augment.data.schema import Column

__all__ = ["detect_column"]

_TARGET_CLASSES = 20
_MANY_ROWS = 20
_MANY_TEXTS = 50
_TEXT_SHARE = 0.5
_TEXT_WORDS = 8
_LARGEST_START = 2**62
_NARROW_START = 2**30


def detect_column(look: Look) -> Column:
    """Return the column that the cells look like.

    Raises:
        SchemaError: They have a type that no model learns.
    """
    kind = look.cells.type
    if is_list(kind):
        return _array(look)
    if storage_type(storage_name(kind)) is None:
        raise _unsupported(look)
    if pt.is_dictionary(kind) or pt.is_null(kind):
        return _levels(look)
    if pt.is_boolean(kind):
        return BooleanColumn(**look.base("true and false"))
    if pt.is_temporal(kind):
        return _datetime(look)
    detect = _text if is_string(kind) else _integer if pt.is_integer(kind) else _number
    return detect(look)


def _unsupported(look: Look) -> SchemaError:
    remedy = "Drop the column, or cast it to numbers, text, dates or arrays of one shape"
    kind = str(look.cells.type)
    return SchemaError(Violation(f"columns.{look.name}", "must have a type that models learn", kind, remedy))


def _array(look: Look) -> ArrayColumn:
    element = element_type(look.cells.type)
    if not (pt.is_integer(element) or pt.is_floating(element)):
        raise _unsupported(look)
    shape = array_shape(look.name, look.cells)
    sides = " x ".join(map(str, shape))
    return ArrayColumn(**look.base(f"arrays of {sides}", storage=storage_name(element)), shape=shape)


def _levels(look: Look) -> Column:
    if is_string(look.present.type) and not look.cells.type.ordered:
        return _text(look)
    return CategoryColumn(**look.base(f"a dictionary of {look.distinct} levels"))


def _datetime(look: Look) -> DatetimeColumn:
    low, high = (end.cast(pa.string()).as_py() for end in pc.min_max(look.present).values())
    why = f"{look.distinct:,} points in time from {low} to {high}"
    zone = getattr(look.cells.type, "tz", None)
    return DatetimeColumn(**look.base(why), format=look.notes.get("format", ""), zone=zone)


def _integer(look: Look) -> Column:
    if not len(look.present):
        return IntegerColumn(**look.base("whole numbers"))
    low, high = (end.as_py() for end in pc.min_max(look.present).values())
    span = f"{look.distinct:,} distinct whole numbers from {low} to {high}"
    if look.target and look.distinct <= _TARGET_CLASSES:
        return CategoryColumn(**look.base(f"target of {look.distinct} whole numbers"))
    if look.all_distinct and not look.target and _counts(look, high - low + 1):
        return _counted(look, high, span)
    return IntegerColumn(**look.base(span))


def _counts(look: Look, span: int) -> bool:
    """Return whether distinct integers are identifiers: by name, or by being consecutive."""
    if name_says_identifier(look.name):
        return True
    return span == look.rows and len(look.cells) >= _MANY_ROWS and not name_says_quantity(look.name)


def _counted(look: Look, high: int, span: str) -> IdentifierColumn:
    """Return an integer identifier, in a type that has room to count on."""
    roomy = look.cells.type.bit_width == 64 or (look.cells.type.bit_width == 32 and high < _NARROW_START)  # noqa: PLR2004
    start = high + 1 if high < _LARGEST_START else 1
    storage = "" if roomy else "int64"
    return IdentifierColumn(**look.base(f"no value twice; {span}", storage=storage), start=start)


def _number(look: Look) -> Column:
    if pt.is_decimal(look.cells.type):
        return _decimal(look)
    floats = np.asarray(look.present.cast(pa.float64()))
    if not len(floats):
        return NumberColumn(**look.base("numbers"))
    if look.target and look.distinct <= _TARGET_CLASSES and not (floats % 1).any():
        return CategoryColumn(**look.base(f"target of {look.distinct} whole numbers"))
    decimals = fewest_decimals(floats, look.cells.type.to_pandas_dtype())
    places = "" if decimals is None else f" with {decimals} decimal place{'' if decimals == 1 else 's'}"
    why = f"{look.distinct:,} distinct numbers from {floats.min():g} to {floats.max():g}{places}"
    return NumberColumn(**look.base(why), decimals=decimals)


def _decimal(look: Look) -> NumberColumn:
    if not fits_64_bits(look.cells):
        remedy, value = "Cast the column to float64, or drop it", str(look.cells.type)
        rule = "must have at most 18 digits"
        raise SchemaError(Violation(f"columns.{look.name}", rule, value, remedy))
    why = f"{look.distinct:,} distinct decimals"
    return NumberColumn(**look.base(why), decimals=max(look.cells.type.scale, 0))


def _text(look: Look) -> Column:
    levels = f"{look.distinct:,} distinct texts in {len(look.present):,} cells"
    if look.target:
        return CategoryColumn(**look.base(f"target of {look.distinct} levels"))
    if (identifier := _named(look)) is not None:
        return identifier
    unique = look.all_distinct and len(look.cells) >= _MANY_ROWS
    wordy = look.distinct > _MANY_TEXTS and (look.share_distinct > _TEXT_SHARE or _words(look) > _TEXT_WORDS)
    if unique or wordy:
        return TextColumn(**look.base(levels, storage=storage_name(look.present.type)))
    return CategoryColumn(**look.base(levels))


def _named(look: Look) -> IdentifierColumn | None:
    """Return a text column as an identifier, if no value occurs twice and they have a pattern."""
    named = name_says_identifier(look.name)
    if not look.all_distinct or not (named or len(look.cells) >= _MANY_ROWS):
        return None
    found = find_pattern(look.present, forced=named, rows=look.rows)
    if found is None:
        return None
    why, kept = f"no value twice; all in the pattern {found.pattern}", storage_name(look.present.type)
    return IdentifierColumn(**look.base(why, storage=kept), pattern=found.pattern, start=found.start)


def _words(look: Look) -> float:
    return float(pc.mean(pc.count_substring_regex(look.present, r"\S+")).as_py())
