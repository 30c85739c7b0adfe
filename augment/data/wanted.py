"""What conditions leave of a column, read by the column's Arrow type: which cells, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from augment.data.category import level_type
from augment.data.cleaning import one_chunk
from augment.data.condition_text import parse_conditions
from augment.data.conditions import Between, Missing, OneOf, Present
from augment.data.schema import DatetimeColumn
from augment.data.spans import Spans, ordinals_of
from augment.data.spans_reading import ends_of
from augment.data.storage import is_string
from augment.errors import ColumnNotFoundError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from augment.data.conditions import Condition
    from augment.data.schema import Column, Schema

__all__ = ["Wanted", "satisfied", "wanted_by"]


@dataclass(frozen=True)
class Wanted:
    """The cells that conditions on one column admit.

    Attributes:
        missing: Missing cells.
        present: Cells that are not missing, if they have one of the values.
        values: Texts, or spans of ordinals; None: any value.
    """

    missing: bool
    present: bool
    values: frozenset[str] | Spans | None = None

    def __and__(self, other: Wanted) -> Wanted:
        """Return what both admit."""
        return Wanted(
            self.missing and other.missing,
            self.present and other.present,
            _both(self.values, other.values),
        )

    def admits(self, cells: pa.Array) -> NDArray[np.bool_]:
        """Return which cells are admitted, shape (rows,); dictionaries are compared by their values."""
        missing: NDArray[np.bool_] = np.asarray(cells.is_null())
        if not self.present:
            return missing if self.missing else np.zeros(len(cells), np.bool_)
        if self.values is None:
            either: NDArray[np.bool_] = np.logical_or(~missing, self.missing)
            return either
        if missing.all():
            return ~missing
        if pt.is_dictionary(cells.type):
            codes: NDArray[np.int32] = np.asarray(cells.indices.fill_null(0))
            return ~missing & np.take(self.admits(cells.dictionary), codes)
        if isinstance(self.values, Spans):
            return ~missing & self.values.contain(ordinals_of(cells))
        among: NDArray[np.bool_] = np.asarray(
            pc.is_in(cells, value_set=pa.array(sorted(self.values), cells.type))
        )
        return ~missing & among


def wanted_by(condition: Condition, column: Column, kind: pa.DataType, field: str) -> Wanted:
    """Return what a condition admits of a column.

    Args:
        condition: The condition.
        column: Its column.
        kind: The Arrow type of the column's cells.
        field: What an error calls the condition.

    Raises:
        RequestError: The column cannot be asked for in this way, or a value is none of its kind.
    """
    match condition:
        case Missing():
            return Wanted(missing=True, present=False)
        case Present():
            return Wanted(missing=False, present=True)
        case OneOf() | Between() if column.kind == "array":
            rule = "can ask of an array column only whether it is missing"
            raise RequestError.of(field, rule, condition.text)
        case OneOf() | Between():
            return Wanted(missing=False, present=True, values=_values(condition, column, kind, field))
    message = f"unknown condition {type(condition)}"
    raise TypeError(message)


def satisfied(
    table: pa.Table | pa.RecordBatch, conditions: Iterable[Condition | str], schema: Schema
) -> pa.Array:
    """Return which rows of a decoded table satisfy all conditions, a BooleanArray of shape (rows,).

    Args:
        table: Records in the wire or the result schema.
        conditions: What to check.
        schema: The schema of the data set.

    Raises:
        RequestError: A condition cannot be read.
        ColumnNotFoundError: The table lacks a condition's column.
    """
    kept = np.ones(table.num_rows, np.bool_)
    names = [column.name for column in schema.columns]
    for index, condition in enumerate(parse_conditions(conditions, names)):
        column = schema.column(condition.column)
        if column is None or condition.column not in table.schema.names:
            raise ColumnNotFoundError(condition.column, tuple(table.schema.names))
        cells = table.column(condition.column)
        cells = one_chunk(cells) if isinstance(cells, pa.ChunkedArray) else cells
        kept &= wanted_by(condition, column, cells.type, f"conditions[{index}]").admits(cells)
    return pa.array(kept, pa.bool_())


def _both(
    one: frozenset[str] | Spans | None, other: frozenset[str] | Spans | None
) -> frozenset[str] | Spans | None:
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, Spans) and isinstance(other, Spans):
        return one & other
    return one & other  # type: ignore[operator]  # the values of one column are all of one sort


def _values(
    condition: OneOf | Between, column: Column, kind: pa.DataType, field: str
) -> frozenset[str] | Spans:
    plain = level_type(kind)
    form = column.format if isinstance(column, DatetimeColumn) else ""
    if isinstance(condition, OneOf):
        texts = [str(value) for value in condition.values]
        if is_string(plain) or pt.is_null(plain):
            return frozenset(text for text in texts if _is_unicode(text))
        return Spans.of([ends_of(text, plain, form, field, column.name) for text in texts], plain)
    if is_string(plain) or pt.is_boolean(plain) or pt.is_null(plain):
        remedy = f"Name the values: {column.name} in {{...}}"
        raise RequestError.of(
            field,
            f"can ask for a range of numbers or dates only, and {column.name} is {_kind(column)}",
            condition.text,
            remedy,
        )
    low = None if condition.low is None else ends_of(str(condition.low), plain, form, field, column.name)
    high = None if condition.high is None else ends_of(str(condition.high), plain, form, field, column.name)
    return Spans.between(low, high, plain, low_open=condition.low_open, high_open=condition.high_open)


def _kind(column: Column) -> str:
    return f"{'an' if column.kind[0] in 'ai' else 'a'} {column.kind}"


def _is_unicode(text: str) -> bool:
    """Return whether a text can be in a file at all: half a surrogate pair cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
