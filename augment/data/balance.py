"""Shares of classes as a caller asks for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from augment.data.condition_text import split_name, unquoted
from augment.data.conditions import quoted_name, quoted_value, text_of
from augment.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from augment.data.conditions import Value

__all__ = ["TARGET", "Balance", "parse_balance"]

TARGET = "target"
_AFTER_NAME = re.compile(r"\s*(?::|\Z)")
_SHARE = re.compile(r'\s*(?P<value>"(?:[^"\\]|\\.)*"|[^",]*?)\s*=\s*(?P<share>[^=,]*?)\s*(?:,|\Z)')
_MAX_TEXT = 4096


@dataclass(frozen=True)
class Balance:
    """What share of the rows each class of a column shall have.

    Attributes:
        column: Its name; `target` is the schema's target column.
        shares: Each class, as text, and its share; empty: equal shares of all classes.
    """

    column: str = TARGET
    shares: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, column: str, shares: Mapping[Value, float]) -> Balance:
        """Return explicit shares."""
        return cls(column, tuple((text_of(value), float(share)) for value, share in shares.items()))

    @property
    def text(self) -> str:
        """The balance as text that `parse_balance` reads as this very balance."""
        shares = ", ".join(f"{quoted_value(value)}={share!r}" for value, share in self.shares)
        return f"{quoted_name(self.column)}: {shares}" if shares else quoted_name(self.column)


def parse_balance(text: str, columns: Iterable[str] = (), *, field: str = "balance") -> Balance:
    """Return the balance that a text writes: `income`, or `income: >50K=0.5, <=50K=0.5`.

    Args:
        text: A column, and after a colon the shares. Names and values may be in quotes.
        columns: The known columns; the longest that the text begins with is meant.
        field: What an error calls the text.

    Raises:
        RequestError: The text is no balance.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > _MAX_TEXT:
        _refuse(field, text)
    name, rest = split_name(text, columns, _AFTER_NAME) or (text.strip(), "")
    rest = rest.strip().removeprefix(":").strip()
    shares: list[tuple[str, float]] = []
    place = 0
    while place < len(rest):
        item = _SHARE.match(rest, place)
        if item is None:
            _refuse(field, text)
        shares.append((unquoted(item["value"]), _number(item["share"], field, text)))
        place = item.end()
    return Balance(name, tuple(shares))


def _number(share: str, field: str, text: str) -> float:
    try:
        return float(share)
    except ValueError:
        _refuse(field, text)


def _refuse(field: str, text: object) -> NoReturn:
    remedy = "Name a column, or a column and its shares: `income: >50K=0.5, <=50K=0.5`"
    raise RequestError.of(field, "must be a column, or a column and shares", text, remedy)
