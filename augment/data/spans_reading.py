"""Values as text, read as the ordinals that they stand for in a column of some type."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from augment.data.datetimes import parse_format
from augment.data.whole_numbers import to_whole
from augment.errors import RequestError

if TYPE_CHECKING:
    from augment.data.spans import Ends

__all__ = ["ends_of"]

_TRUTH = {"true": 1, "yes": 1, "1": 1, "false": 0, "no": 0, "0": 0}
_MOST_DIGITS = 400
_DAY_S = 86_400


def ends_of(text: str, kind: pa.DataType, form: str, field: str, column: str) -> Ends:
    """Return the first and last ordinal that a value stands for.

    They are the same for most values. A date stands for its whole day in a column of points in time.
    Of numbers that a column of whole numbers cannot have, the first is above the last: 30.5 is (31, 30).

    Args:
        text: The value.
        kind: The column's type, without a dictionary.
        form: How the column's data file writes points in time; may be empty.
        field: What an error calls the condition.
        column: The column's name.

    Raises:
        RequestError: The text is no value of the type.
    """
    text = text.strip()
    ends = _read(text, kind, form)
    if ends is None:
        raise RequestError.of(field, f"must give {column} {_example(kind, form)}", text)
    return ends


def _read(text: str, kind: pa.DataType, form: str) -> Ends | None:
    if pt.is_boolean(kind):
        truth = _TRUTH.get(text.lower())
        return None if truth is None else (truth, truth)
    if pt.is_temporal(kind):
        try:
            return _time(text, kind, form)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            return None
    number = _number(text)
    if number is None:
        return None
    return _real(number, kind) if pt.is_floating(kind) else _whole(number, kind)


def _number(text: str) -> Decimal | None:
    """Return a finite number of a size that arithmetic with it is quick."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    short = len(text) <= _MOST_DIGITS
    return number if number.is_finite() and short and abs(number.adjusted()) <= _MOST_DIGITS else None


def _whole(number: Decimal, kind: pa.DataType) -> Ends:
    exact = Fraction(number) * 10 ** (kind.scale if pt.is_decimal(kind) else 0)
    return math.ceil(exact), math.floor(exact)


def _real(number: Decimal, kind: pa.DataType) -> Ends:
    with np.errstate(over="ignore"):
        nearest = float(kind.to_pandas_dtype()(float(number)))
    return nearest, nearest


def _time(text: str, kind: pa.DataType, form: str) -> Ends | None:
    stamp = next((read for way in (form, "") if (read := _stamp(text, way)).null_count == 0), None)
    if stamp is None:
        return None
    is_day = ":" not in text
    if pt.is_date(kind):
        day = int(to_whole(stamp.cast(pa.date32()))[0]) if is_day and stamp.type.tz is None else None
        return None if day is None else _days(day, kind)
    if stamp.type.tz is None:
        first, last = _local(stamp, kind), _local(_plus_a_day(stamp), kind) - 1
        return (first, last) if is_day else (first, first)
    if kind.tz is None:
        return None
    instant = int(to_whole(stamp.cast(pa.timestamp(kind.unit, stamp.type.tz)))[0])
    return instant, instant


def _stamp(text: str, form: str) -> pa.Array:
    return parse_format(pa.array([text]), form)


def _days(day: int, kind: pa.DataType) -> Ends:
    length = 1 if pt.is_date32(kind) else _DAY_S * 1000
    return day * length, day * length + length - 1


def _plus_a_day(stamp: pa.Array) -> pa.Array:
    seconds = stamp.cast(pa.timestamp("s"), safe=False)
    return pc.add(seconds, pa.scalar(_DAY_S, pa.duration("s")))


def _local(stamp: pa.Array, kind: pa.DataType) -> int:
    """Return a point in time, of the column's own zone, in the column's unit."""
    there = stamp.cast(pa.timestamp(kind.unit))
    if kind.tz is not None:
        there = pc.assume_timezone(there, kind.tz, ambiguous="earliest", nonexistent="latest")
    return int(to_whole(there)[0])


def _example(kind: pa.DataType, form: str) -> str:
    if pt.is_boolean(kind):
        return "true or false"
    if pt.is_date(kind):
        return "a date such as 2024-03-31" + (f" ({form})" if form else "")
    if pt.is_timestamp(kind):
        zone = "" if kind.tz else ", without a zone"
        return f"a date or a time such as 2024-03-31 or 2024-03-31 12:30{zone}" + (
            f" ({form})" if form else ""
        )
    return "a number"
