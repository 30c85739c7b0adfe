"""What a column's name says of its cells."""

from __future__ import annotations

import re

__all__ = ["name_says_identifier", "name_says_quantity"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_IDENTIFIER = {
    "id",
    "ids",
    "identifier",
    "uuid",
    "guid",
    "key",
    "no",
    "nr",
    "index",
    "idx",
    "rowid",
    "serial",
}
_QUANTITY = {
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "date",
    "time",
    "age",
    "week",
    "weight",
    "height",
}


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)}


def name_says_identifier(name: str) -> bool:
    """Return whether the name is that of an identifier, e.g. `PassengerId`, `order_no`.

    >>> name_says_identifier("PassengerId"), name_says_identifier("humidity")
    (True, False)
    """
    return bool(_words(name) & _IDENTIFIER)


def name_says_quantity(name: str) -> bool:
    """Return whether the name is that of something measured, even where no value occurs twice."""
    return bool(_words(name) & _QUANTITY)
