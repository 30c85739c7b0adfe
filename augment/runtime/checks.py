"""Checks of the parameters that a caller gives."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from augment.errors import RequestError, meant

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "MAX_ROW",
    "checked_choice",
    "checked_first_row",
    "checked_integer",
    "checked_rows",
    "checked_seed",
    "checked_share",
]

MAX_ROW = 2**63 - 1
"""No row has an address beyond this, so that offsets fit Arrow's and protobuf's integers."""
_MAX_SEED = 2**64 - 1


def checked_rows(rows: object, offset: object) -> tuple[int, int]:
    """Return `rows` and `offset` as integers.

    Raises:
        RequestError: One is no integer or out of its range.
    """
    first = checked_integer("offset", offset, 0, MAX_ROW)
    count = checked_integer("rows", rows, 1, MAX_ROW)
    if first + count > MAX_ROW:
        raise RequestError.of("rows", f"must be such that offset + rows is at most {MAX_ROW}", count)
    return count, first


def checked_first_row(first_row: object, count: int) -> int:
    """Return the number of the first of `count` rows.

    Raises:
        RequestError: It is no integer, or a row would have no address.
    """
    first = checked_integer("first_row", first_row, 0, MAX_ROW)
    if first + count > MAX_ROW:
        raise RequestError.of("first_row", f"must be such that no row is beyond {MAX_ROW}", first)
    return first


def checked_seed(seed: object) -> int:
    """Return `seed` as an integer in [0, 2^64).

    Raises:
        RequestError: It is no integer or out of range.
    """
    return checked_integer("seed", seed, 0, _MAX_SEED)


def checked_integer(field: str, value: object, low: int, high: int) -> int:
    """Return `value`, an integer of Python or numpy, as an int in [low, high].

    Booleans and floats are refused, whole or not: they are slips more often than numbers.

    Raises:
        RequestError: It is no integer or out of range.
    """
    rule = f"must be an integer in [{low}, {high}]"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, SupportsIndex):
        raise RequestError.of(field, rule, value)
    try:
        number = operator.index(value)
    except TypeError as exc:
        raise RequestError.of(field, rule, value) from exc
    if not low <= number <= high:
        raise RequestError.of(field, rule, number)
    return number


def checked_choice(field: str, value: object, choices: Collection[str]) -> str:
    """Return `value`, which is one of `choices`.

    Raises:
        RequestError: It is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise RequestError.of(field, f"must be one of {list(choices)}", value, meant(value, choices))
    return value


def checked_share(field: str, value: object) -> float:
    """Return `value` as a float in [0, 1].

    Raises:
        RequestError: It is no number or out of range; NaN is.
    """
    rule = "must be a number in [0, 1]"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise RequestError.of(field, rule, value)
    if not 0.0 <= value <= 1.0:
        raise RequestError.of(field, rule, value)
    return float(value)
