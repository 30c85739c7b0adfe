"""Errors for conditions that no record of the model can meet: which, and what is possible."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.data.category import CategoryCodec
from augment.data.conditions import Between, Missing, OneOf, Present, quoted_value
from augment.data.numeric import RealCodec, WholeCodec
from augment.data.residuals import first_where, token_ends
from augment.data.spans import ordinals_of
from augment.errors import RequestError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

    from augment.data.arrays import ArrayCodec
    from augment.data.column_codec import ColumnCodec
    from augment.data.conditions import Condition
    from augment.data.schema import IdentifierColumn, Schema, TextColumn
    from augment.data.wanted import Wanted

__all__ = ["conflict", "impossible", "not_conditional", "unknown_column"]

_SHOWN = 10


def unknown_column(name: str, schema: Schema, field: str) -> RequestError:
    """Return the error for a column that the model does not have."""
    names = [column.name for column in schema.columns]
    return RequestError.of(
        field, "must be about a column of the model", name, _nearest(name, names, "Columns")
    )


def not_conditional(column: IdentifierColumn | TextColumn, condition: Condition, field: str) -> RequestError:
    """Return the error for a column that no model learns."""
    why = "made anew for each row" if column.kind == "identifier" else "left out of what is generated"
    rule = f"cannot be about {column.name}: {column.kind} columns are never learnt, they are {why}"
    return RequestError.of(field, rule, condition.text)


def conflict(condition: Condition, field: str, before: int) -> RequestError:
    """Return the error for a condition that an earlier one on its column excludes."""
    rule = f"must leave something of {condition.column} together with conditions[{before}] and those before"
    return RequestError.of(field, rule, condition.text, "Drop or widen one of them")


def impossible(
    condition: Condition, codec: ColumnCodec | ArrayCodec, wanted: Wanted, field: str
) -> RequestError:
    """Return the error for a condition that no cell of its column can meet."""
    rule, name = "must be possible", condition.column
    if isinstance(condition, Missing):
        return RequestError.of(field, rule, condition.text, f"No training cell of {name} is missing")
    if isinstance(condition, Present) or not any(codec.table.counts[1:]):
        return RequestError.of(field, rule, condition.text, f"All training cells of {name} are missing")
    match codec:
        case WholeCodec() | RealCodec() if _is_reversed(condition):
            remedy = "The range ends below where it begins: write the lower end first"
        case WholeCodec() | RealCodec():
            remedy = _numbers(codec, wanted, name)
        case CategoryCodec():
            asked = condition.values[0] if isinstance(condition, OneOf) else ""
            remedy = _nearest(str(asked), map(_plain, codec.levels.to_pylist()), f"Values of {name}")
        case _:
            seen = [
                word for word, count in zip(("false", "true"), codec.table.counts[1:], strict=True) if count
            ]
            remedy = f"The only training value of {name} is {seen[0]}"
    return RequestError.of(field, rule, condition.text, remedy)


def _is_reversed(condition: Condition) -> bool:
    """Return whether a range of numbers, dates or times has its ends the wrong way round."""
    if not isinstance(condition, Between) or condition.low is None or condition.high is None:
        return False
    low, high = str(condition.low), str(condition.high)
    try:
        return float(low) > float(high)
    except ValueError:
        return low > high  # ISO 8601 sorts by time


def _numbers(codec: WholeCodec | RealCodec, wanted: Wanted, name: str) -> str:
    """Return the range of a column's values, and the ones nearest to a span that lies in a gap."""
    lows, highs = token_ends(codec)
    last = np.int32(len(lows))
    least, most = _shown(codec, np.int32(1), 0), _shown(codec, last, 1)
    text = f"{name} has values from {least} to {most}"
    spans = getattr(wanted.values, "ends", ())
    if not spans:
        return f"{text}, and none that is in such a set or range"
    start = spans[0][0]
    if not lows[0] < start <= highs[-1]:
        return text
    return f"{text}; nearest to what was asked are {' and '.join(_neighbours(codec, lows, highs, start))}"


def _neighbours(codec: WholeCodec | RealCodec, lows: Any, highs: Any, start: Any) -> list[str]:
    """Return the largest value below an ordinal and the smallest not below it, as text."""
    token = int(np.searchsorted(highs, start, "left"))
    if lows[token] >= start:
        return [_shown(codec, np.int32(token), 1), _shown(codec, np.int32(token + 1), 0)]
    tokens = np.array([token + 1], np.int32)
    first = first_where(lambda residuals: ordinals_of(codec.decode(tokens, residuals)) >= start, 1)[0]
    below = np.nextafter(first, np.float32(-1))
    return [_shown(codec, np.int32(token + 1), residual) for residual in (below, first)]


def _shown(codec: WholeCodec | RealCodec, token: np.int32, residual: float) -> str:
    cell = codec.decode(np.array([token], np.int32), np.array([residual], np.float32))
    return _plain((cell.cast(pa.string()) if pt.is_temporal(cell.type) else cell)[0].as_py())


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else re.sub(r"(:\d\d)\.0+(?=Z|$)", r"\1", str(value))


def _nearest(asked: str, there: Iterable[str], title: str) -> str:
    """Return what there is, the most alike first."""
    names = list(there)
    alike = difflib.get_close_matches(asked, names, n=3, cutoff=0.6)
    folded = [name for name in names if name.casefold() == asked.casefold()]
    meant = list(dict.fromkeys([*folded, *alike]))
    shown = ", ".join(shorten(name, 40) if quoted_value(name) != name else name for name in names[:_SHOWN])
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    guess = f"Did you mean {' or '.join(map(repr, meant))}? " if meant else ""
    return f"{guess}{title}: {shown}{more}"
