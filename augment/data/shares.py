"""Shares of classes compiled for a sampler: which class each row is given."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from augment.data.arrays import ArrayCodec
from augment.data.balance import TARGET, Balance
from augment.data.category import BooleanCodec, CategoryCodec
from augment.data.conditions import OneOf, text_of
from augment.data.permutation import mix
from augment.data.restrictions import compile_restrictions
from augment.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from augment.data.codec import Codec
    from augment.data.column_codec import ColumnCodec
    from augment.data.conditions import Condition
    from augment.data.restrictions import Restriction

__all__ = ["Shares", "class_of_row", "compile_balance"]

MAX_CLASSES = 50
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Shares:
    """A balance compiled for a sampler.

    Attributes:
        column: The index of its token column.
        classes: The classes, as text.
        shares: Their shares, which sum to 1.
        restrictions: For each class, what the column's cells may be: the class, and what the
            request's conditions leave of it.
    """

    column: int
    classes: tuple[str, ...]
    shares: tuple[float, ...]
    restrictions: tuple[Restriction, ...]


def class_of_row(shares: Shares, rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the class of each row by its address: an index into `shares.classes`, shape (rows,).

    Row times the golden ratio, without its whole part, is the most even sequence there is that any
    row's place in can be computed alone: every stretch of up to a million rows has the shares to
    within four rows.
    The fraction is counted in 2^-64, so that it is exact for all rows.

    Args:
        shares: The classes' shares.
        rows: Row numbers in [0, 2^63), shape (rows,).
        seed: In [0, 2^64); it shifts the sequence.
    """
    place = np.asarray(rows, np.int64).astype(np.uint64) * _GOLDEN + mix(np.uint64(seed))
    ends = np.cumsum(np.array(shares.shares, np.float64))[:-1]
    last = max(index for index, share in enumerate(shares.shares) if share > 0)
    edges = np.array([min(round(end * 2.0**64), 2**64 - 1) for end in ends.tolist()], np.uint64)
    return np.minimum(np.searchsorted(edges, place, "right"), last).astype(np.int64)


def compile_balance(
    codec: Codec, balance: Balance, conditions: Iterable[Condition | str] = (), *, field: str = "balance"
) -> Shares:
    """Return the shares of a balance, each class with what conditions leave of it.

    Args:
        codec: The data set's encoding.
        balance: What is asked for; equal shares are of those classes that the conditions leave.
        conditions: The conditions of the same request.
        field: What an error calls the balance.

    Raises:
        RequestError: The column has no classes, a class is not among them or excluded by a condition,
            or the shares are none; or a condition is impossible by itself.
    """
    before = tuple(conditions)
    compile_restrictions(codec, before)
    name = _column(codec, balance, field)
    if balance.shares:
        _check(balance.shares, field)
        found = [(value, share, _class(codec, name, value, before, field)) for value, share in balance.shares]
    else:
        found = _equal(codec, name, before, field)
    classes, shares, restrictions = zip(*found, strict=True)
    return Shares(codec.layout.names.index(name), classes, shares, restrictions)


def _column(codec: Codec, balance: Balance, field: str) -> str:
    """Return the name of the balanced column."""
    target = codec.schema.target
    if balance.column == TARGET and target is not None:
        return target.name
    names = [name for name in codec.layout.names if name not in codec.layout.array_names]
    if balance.column in names:
        return balance.column
    remedy = "The model's data have no target column. " if balance.column == TARGET else ""
    raise RequestError.of(
        field, "must be a column with classes", balance.column, f"{remedy}Columns: {', '.join(names)}"
    )


def _check(shares: Sequence[tuple[str, float]], field: str) -> None:
    """Refuse shares that are none."""
    twice = sorted({value for value, _ in shares if [other for other, _ in shares].count(value) > 1})
    if twice:
        raise RequestError.of(field, "must name each class once", ", ".join(twice))
    for value, share in shares:
        if not 0 <= share <= 1:
            raise RequestError.of(field, f"must have shares in [0, 1], and that of {value} is not", share)
    total = math.fsum(share for _, share in shares)
    if abs(total - 1) > _TOLERANCE:
        raise RequestError.of(field, "must have shares that sum to 1", total)


def _equal(
    codec: Codec, name: str, conditions: tuple[Condition | str, ...], field: str
) -> list[tuple[str, float, Restriction]]:
    """Return equal shares of the classes that conditions leave."""
    left = []
    for value in _classes(codec, name, field):
        try:
            left.append((value, _class(codec, name, value, conditions, field)))
        except RequestError:
            continue
    if not left:
        rule, texts = "must have a class that the conditions leave", ", ".join(map(str, conditions))
        raise RequestError.of(
            field, f"{rule} of {name}", texts, f"Drop the condition on {name}, or the balance"
        )
    return [(value, 1 / len(left), restriction) for value, restriction in left]


def _class(
    codec: Codec, name: str, value: str, conditions: tuple[Condition | str, ...], field: str
) -> Restriction:
    """Return what conditions leave of a class."""
    try:
        compiled = compile_restrictions(codec, (*conditions, OneOf(name, (value,))))
    except RequestError as exc:
        raise RequestError(*(replace(violation, field=field) for violation in exc.violations)) from exc
    return compiled[codec.layout.names.index(name)]


def _classes(codec: Codec, name: str, field: str) -> list[str]:
    """Return a column's classes in the order of their tokens."""
    column = codec.column(codec.layout.names.index(name))
    values = [] if isinstance(column, ArrayCodec) else _values(column)
    if not 1 <= len(values) <= MAX_CLASSES:
        remedy = "Balance a column of few values, or give the shares: `column: value=0.5, other=0.5`"
        raise RequestError.of(field, f"must be a column of 1 to {MAX_CLASSES} values", name, remedy)
    return [text_of(value) for value in values]


def _values(codec: ColumnCodec) -> list[object]:
    """Return the values of a column; none if it has more than tokens."""
    match codec:
        case CategoryCodec():
            return list(codec.levels.to_pylist())
        case BooleanCodec():
            pairs = zip(codec.levels.to_pylist(), codec.table.counts[1:], strict=True)
            return [value for value, count in pairs if count]
    if any(getattr(codec.table, "widths", (1,))):
        return []
    tokens = np.arange(1, len(codec.table.counts), dtype=np.int32)
    return list(codec.decode(tokens, np.full(len(tokens), 0.5, np.float32)).to_pylist())
