"""What a caller wants of a column: conditions as values, written and read as text.

A condition holds its values as text, whatever they were given as: only with a model's schema at hand is
it known what `30` or `2024-01-01` is. `wanted.py` reads them.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from augment.errors import RequestError

__all__ = ["MAX_VALUES", "Between", "Condition", "Missing", "OneOf", "Present", "Value", "text_of"]

Value = str | bool | int | float | Decimal | date
MAX_VALUES = 10_000
_BARE_NAME = re.compile(r"[^\W\d][\w.\-]*")
_BARE_VALUE = re.compile(r"[\w+\-:/](?:[\w+\-:/. ]*[\w+\-:/])?")


@dataclass(frozen=True)
class Condition(ABC):
    """What the cells of one column must be.

    Attributes:
        column: Its name.
    """

    column: str

    @property
    def text(self) -> str:
        """The condition as text that `parse_condition` reads as this very condition."""
        return f"{quoted_name(self.column)} {self._rest}"

    @property
    @abstractmethod
    def _rest(self) -> str:
        """All but the column."""


@dataclass(frozen=True)
class OneOf(Condition):
    """One of some values; a single one is equality.

    Attributes:
        values: At least one and at most 10,000, as text; given as any value, or as one alone.
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        """Keep the values as text."""
        several = isinstance(self.values, Iterable) and not isinstance(self.values, str | bytes)
        values = tuple(dict.fromkeys(map(text_of, self.values if several else (self.values,))))
        if not 1 <= len(values) <= MAX_VALUES:
            raise RequestError.of(
                f"conditions on {self.column}", f"must name 1 to {MAX_VALUES} values", len(values)
            )
        object.__setattr__(self, "values", values)

    @property
    def _rest(self) -> str:
        if len(self.values) == 1:
            return f"= {quoted_tail(str(self.values[0]))}"
        return f"in {{{', '.join(quoted_value(str(value)) for value in self.values)}}}"


@dataclass(frozen=True)
class Between(Condition):
    """From `low` to `high`, both included unless open.

    A date without a time stands for its whole day: `high` of 2024-03-31 includes that day's evening.

    Attributes:
        low: As text, given as any value; None: no lower end.
        high: Likewise.
        low_open: `low` itself is left out.
        high_open: `high` itself is left out.
    """

    low: Value | None
    high: Value | None
    low_open: bool = False
    high_open: bool = False

    def __post_init__(self) -> None:
        """Keep the ends as text."""
        if self.low is None and self.high is None:
            rule = "must have a low end, a high end, or both"
            raise RequestError.of(f"conditions on {self.column}", rule, "neither")
        for end in ("low", "high"):
            value = getattr(self, end)
            object.__setattr__(self, end, None if value is None else text_of(value))
            object.__setattr__(self, f"{end}_open", value is not None and getattr(self, f"{end}_open"))

    @property
    def _rest(self) -> str:
        if self.low is None:
            return f"<{'' if self.high_open else '='} {quoted_tail(str(self.high))}"
        if self.high is None:
            return f">{'' if self.low_open else '='} {quoted_tail(str(self.low))}"
        low, high = quoted_value(str(self.low)), quoted_value(str(self.high))
        return f"in {'>' * self.low_open}{low}..{'<' * self.high_open}{high}"


@dataclass(frozen=True)
class Missing(Condition):
    """The cell is missing."""

    @property
    def _rest(self) -> str:
        return "is missing"


@dataclass(frozen=True)
class Present(Condition):
    """The cell is not missing."""

    @property
    def _rest(self) -> str:
        return "is not missing"


def text_of(value: object) -> str:
    """Return a value as text that reads as itself.

    >>> text_of(True), text_of(0.1), text_of(date(2024, 1, 31))
    ('true', '0.1', '2024-01-31')
    """
    item = getattr(value, "item", None)
    if callable(item) and not isinstance(value, str):
        value = item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (str, int, float, Decimal)):
        return str(value)
    raise RequestError.of("conditions", "must have texts, numbers, booleans or dates as values", value)


def quoted_name(name: str) -> str:
    """Return a column's name, in backticks unless it is a plain word."""
    return name if _BARE_NAME.fullmatch(name) else f"`{name.replace('`', '``')}`"


def quoted_tail(value: str) -> str:
    """Return a value that ends the text, in quotes only where it would not be read as itself."""
    plain = value == value.strip() and value and not value.startswith(('"', "="))
    return value if plain else json.dumps(value, ensure_ascii=False)


def quoted_value(value: str) -> str:
    """Return a value among others, in quotes unless it is plain."""
    plain = _BARE_VALUE.fullmatch(value) and ".." not in value
    return value if plain else json.dumps(value, ensure_ascii=False)
