"""Points in time written as text: which format a column has, and what its cells mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

__all__ = ["DatetimeText", "format_datetimes", "looks_like_datetime", "parse_format", "readings_of"]

_TIME = (
    r"(?:(?P<t>[T ])(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:\.(?P<f>[0-9]{1,9}))?)?"
    r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_UNITS = ("s", "ms", "us", "ns")
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_INT64 = 2**63 - 1
_MONTHS, _HOURS, _SIXTY = 12, 24, 60
_DATES = {
    "%Y-%m-%d": r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})",
    "%Y/%m/%d": r"(?P<Y>[0-9]{4})/(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})",
    "%d.%m.%Y": r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<Y>[0-9]{4})",
    "%d/%m/%Y": r"(?P<d>[0-9]{1,2})/(?P<m>[0-9]{1,2})/(?P<Y>[0-9]{4})",
    "%m/%d/%Y": r"(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})/(?P<Y>[0-9]{4})",
    "%d-%m-%Y": r"(?P<d>[0-9]{1,2})-(?P<m>[0-9]{1,2})-(?P<Y>[0-9]{4})",
    "%m-%d-%Y": r"(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})-(?P<Y>[0-9]{4})",
}
_ALIKE = (
    r"^([0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4})([T ][0-9]{1,2}:.*)?$"
)


@dataclass(frozen=True)
class DatetimeText:
    """A column of text read as points in time.

    Attributes:
        values: Timestamps; null where the text is no point in time.
        format: How the text writes them, as strptime has it.
    """

    values: pa.Array
    format: str


def looks_like_datetime(values: pa.Array) -> pa.Array:
    """Return for each text whether it is shaped like a date or a date and time."""
    return pc.match_substring_regex(values, _ALIKE)


def readings_of(values: pa.Array) -> list[DatetimeText]:
    """Return the ways to read texts as points in time, one a format that fits any of them.

    Days before months and months before days are told apart by a day after the 12th: only one of
    the two readings is then without nulls.

    Args:
        values: Distinct texts.
    """
    return [reading for date in _DATES if (reading := _parse_date_format(values, date))]


def parse_format(values: pa.Array, form: str) -> pa.Array:
    """Read texts in a strptime format (empty: ISO 8601); null where one does not have it."""
    date = next((date for date in _DATES if (form or "%Y-%m-%d").startswith(date)), None)
    if date is not None and (reading := _parse_date_format(values, date)) is not None:
        return reading.values
    if not form:  # pyarrow 26 crashes on an empty format
        return pa.nulls(len(values), pa.timestamp("us"))
    return pc.strptime(values, format=form, unit="us", error_is_null=True)


def format_datetimes(values: pa.Array, form: str) -> pa.Array:
    """Write points in time in a strptime format; empty means ISO 8601."""
    if not form:
        return values.cast(pa.string())
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("s"))
    if "%f" not in form and values.type.unit != "s":
        values = values.cast(pa.timestamp("s", tz=values.type.tz), safe=False)
    return pc.strftime(values, format=form.replace(".%f", ""))


def _parse_date_format(values: pa.Array, date: str) -> DatetimeText | None:
    parts = pc.extract_regex(values, pattern=f"^{_DATES[date]}{_TIME}$")
    valid = parts.is_valid().to_numpy(zero_copy_only=False)
    fields = {
        field.name: pc.struct_field(parts, [index]).fill_null("") for index, field in enumerate(parts.type)
    }
    zones = set(fields["z"].filter(pa.array(valid)).to_pylist())
    separators = set(fields["t"].filter(pa.array(valid)).to_pylist()) - {""}
    if not valid.any() or len(separators) > 1 or ("" in zones and len(zones) > 1):
        return None
    days, day_exists = _days(fields)
    seconds, time_exists = _seconds(fields)
    digits = pc.max(pc.utf8_length(fields["f"])).as_py() or 0
    unit = _UNITS[(digits + 2) // 3]
    since_1970 = days * 86_400 + seconds - _offset_seconds(fields["z"])
    valid &= day_exists & time_exists & (np.abs(since_1970) < _INT64 // _PER_SECOND[unit])
    epoch = since_1970 * _PER_SECOND[unit] + _fraction(fields["f"], (digits + 2) // 3 * 3)
    stamps = pa.array(epoch, pa.timestamp(unit, tz=_zone(zones)), mask=~valid)
    return DatetimeText(stamps, _format(date, fields, zones, digits))


def _whole(column: pa.Array) -> Whole:
    """Return digits as numbers, 0 where there are none."""
    filled = pc.if_else(pc.equal(column, ""), "0", column)
    return np.asarray(filled.cast(pa.int64()))


def _days(fields: dict[str, pa.Array]) -> tuple[Whole, NDArray[np.bool_]]:
    """Return days since 1970 and whether there is such a day (no 30 February)."""
    year, month, day = (_whole(fields[name]) for name in "Ymd")
    months = (year - 1970) * 12 + month - 1
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    following = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    exists = (year >= 1) & (month >= 1) & (month <= _MONTHS) & (day >= 1) & (day <= following - first)
    return first + day - 1, exists


def _seconds(fields: dict[str, pa.Array]) -> tuple[Whole, NDArray[np.bool_]]:
    hour, minute, second = (_whole(fields[name]) for name in "HMS")
    return hour * 3600 + minute * 60 + second, (hour < _HOURS) & (minute < _SIXTY) & (second < _SIXTY)


def _fraction(digits: pa.Array, width: int) -> Whole:
    """Return the digits after the seconds' point, in units of 10**-width seconds."""
    return _whole(pc.utf8_rpad(digits, width, padding="0")) if width else np.zeros(len(digits), np.int64)


def _offset_seconds(zones: pa.Array) -> Whole:
    digits = pc.replace_substring_regex(zones, "[^0-9]", "")
    clock = _whole(digits)
    seconds = clock // 100 * 3600 + clock % 100 * 60
    return np.where(np.asarray(pc.starts_with(zones, "-")), -seconds, seconds)


def _zone(zones: set[str]) -> str | None:
    """Return the time zone's name: the one offset all cells have, else UTC; None without zones."""
    if not zones - {""}:
        return None
    only = next(iter(zones))
    if len(zones) > 1 or only == "Z" or only[1:].replace(":", "") == "0000":
        return "UTC"
    return f"{only[:3]}:{only[-2:]}"


def _format(date: str, fields: dict[str, pa.Array], zones: set[str], digits: int) -> str:
    separator = pc.max(fields["t"]).as_py()
    if not separator:
        return date
    seconds = ":%S" if pc.max(fields["S"]).as_py() else ""
    zone = "" if zones == {""} else "Z" if zones == {"Z"} else "%z"
    return f"{date}{separator}%H:%M{seconds}{'.%f' if digits else ''}{zone}"
