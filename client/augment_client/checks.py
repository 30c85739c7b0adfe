"""Checks of parameters before anything is sent, with the rules that the server would state."""

from __future__ import annotations

import operator
from numbers import Real
from typing import SupportsIndex

from augment_client.errors import InvalidRequestError

__all__ = [
    "MAX_DRAWS",
    "MAX_ROW",
    "MAX_STEPS",
    "checked_integer",
    "checked_name",
    "checked_share",
    "checked_timeout",
    "checked_version",
]

MAX_ROW = 2**63 - 1
MAX_STEPS = 10_000
MAX_DRAWS = 1_000
_MAX_VERSION = 2**64 - 1
_MIN_TIMEOUT_S = 0.001
_MAX_TIMEOUT_S = 1e9


def checked_integer(field: str, value: object, low: int, high: int) -> int:
    """Return `value`, an integer of Python or numpy, as an int in [low, high].

    Booleans and floats are refused, whole or not: they are slips more often than numbers.

    Raises:
        InvalidRequestError: It is no integer or out of range.
    """
    rule = f"must be an integer in [{low}, {high}]"
    if _is_boolean(value) or not isinstance(value, SupportsIndex):
        raise InvalidRequestError.of(field, rule, value)
    try:
        number = operator.index(value)
    except TypeError as error:
        raise InvalidRequestError.of(field, rule, value) from error
    if not low <= number <= high:
        raise InvalidRequestError.of(field, rule, number)
    return number


def checked_share(field: str, value: object) -> float:
    """Return `value` as a float in [0, 1].

    Raises:
        InvalidRequestError: It is no number or out of range; NaN is.
    """
    if _is_boolean(value) or not isinstance(value, Real) or not 0.0 <= float(value) <= 1.0:
        raise InvalidRequestError.of(field, "must be a number in [0, 1]", value)
    return float(value)


def checked_timeout(timeout_s: object) -> float:
    """Return a time limit in seconds, at least the millisecond that gRPC counts in.

    Raises:
        InvalidRequestError: It is no number or out of range; NaN is.
    """
    fits = isinstance(timeout_s, Real) and _MIN_TIMEOUT_S <= float(timeout_s) <= _MAX_TIMEOUT_S
    if _is_boolean(timeout_s) or not fits:
        rule = f"must be a number of seconds in [{_MIN_TIMEOUT_S}, {_MAX_TIMEOUT_S:.0f}]"
        raise InvalidRequestError.of("timeout_s", rule, timeout_s)
    return float(timeout_s)  # type: ignore[arg-type] # a Real, as was checked


def checked_name(name: object) -> str:
    """Return a model's name.

    Raises:
        InvalidRequestError: It is no text or empty.
    """
    if not isinstance(name, str) or not name:
        raise InvalidRequestError.of("model", "must be the name of a model", name)
    return name


def checked_version(version: object) -> int:
    """Return a version as the wire has it: 0 for None, the newest.

    Raises:
        InvalidRequestError: It is no integer from 1.
    """
    return 0 if version is None else checked_integer("version", version, 1, _MAX_VERSION)


def _is_boolean(value: object) -> bool:
    """Return whether it is a boolean of Python or numpy, which older numpy takes for an integer."""
    return isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b"
