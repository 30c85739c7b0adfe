"""Conditions read from text, e.g. `age in 30..40`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NoReturn

from augment.data.conditions import MAX_VALUES, Between, Condition, Missing, OneOf, Present
from augment.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["FORMS", "parse_condition", "parse_conditions", "split_name", "unquoted"]

FORMS = (
    "`age = 40`, `sex in {Male, Female}`, `age in 30..40`, `age >= 30`, `age < 40`, `age is missing`, "
    "`age is not missing`; names and values with blanks or signs in quotes"
)
MAX_CONDITIONS = 256
MAX_TEXT = 4096
_OPERATOR = re.compile(
    r"\s+(?P<word>is\s+not\s+(?:missing|null)|is\s+(?:missing|null))\s*\Z"
    r"|\s+(?P<within>in)(?:\s+|(?=[{\[(]))"
    r"|\s*(?P<sign>>=|<=|==|=|>|<)",
    re.IGNORECASE,
)
_QUOTED_NAME = re.compile(r'`(?P<tick>(?:[^`]|``)+)`|(?P<double>"(?:[^"\\]|\\.)+")')
_ITEM = re.compile(r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<bare>[^",]*?))\s*(?:,|\Z)')
_END = r'"(?:[^"\\]|\\.)*"|.*?'
_RANGE = re.compile(rf"(?P<above>>?)\s*(?P<low>{_END})\s*\.\.\s*(?P<below><?)\s*(?P<high>{_END})", re.DOTALL)
_QUOTES = '`"'
_BRACKETS = {"{": "}", "[": "]", "(": ")"}


def parse_conditions(conditions: Iterable[Condition | str], columns: Iterable[str]) -> tuple[Condition, ...]:
    """Return conditions with the texts among them read; see `parse_condition`.

    Raises:
        RequestError: A text is no condition; its field is `conditions[i]`.
    """
    items, names = list(conditions), tuple(columns)
    if len(items) > MAX_CONDITIONS:
        raise RequestError.of("conditions", f"must be at most {MAX_CONDITIONS}", len(items))
    read = tuple(
        item if isinstance(item, Condition) else parse_condition(item, names, field=f"conditions[{index}]")
        for index, item in enumerate(items)
    )
    values = sum(len(condition.values) for condition in read if isinstance(condition, OneOf))
    if values > MAX_VALUES:
        raise RequestError.of("conditions", f"must name at most {MAX_VALUES} values in all", values)
    return read


def parse_condition(text: str, columns: Iterable[str] = (), *, field: str = "conditions") -> Condition:
    """Return the condition that a text writes.

    After a comparison sign all the rest is the value: `income = >50K` wants the value `>50K`.

    Args:
        text: One of `FORMS`.
        columns: The known columns: the longest whose name the text begins with is meant. A name in
            backticks or double quotes is taken as it is.
        field: What an error calls the text.

    Raises:
        RequestError: The text is no condition.
    """
    if not isinstance(text, str):
        _refuse(field, text)
    if len(text) > MAX_TEXT:
        raise RequestError.of(field, f"must be at most {MAX_TEXT} characters long", len(text))
    known = tuple(columns)
    name, rest = split_name(text, known, _OPERATOR) or _refuse(field, text)
    operator = _OPERATOR.match(rest)
    is_plain = name not in known and text.lstrip()[0] not in _QUOTES
    if operator is None or (is_plain and name.endswith("!")):  # `age != 3` is no condition
        _refuse(field, text)
    value = rest[operator.end() :].strip()
    if operator["word"]:
        return Present(name) if "not" in operator["word"].lower() else Missing(name)
    if not value:
        _refuse(field, text)
    if operator["within"]:
        return _within(name, value) or _refuse(field, text)
    return _compared(name, operator["sign"], unquoted(value))


def split_name(text: str, columns: Iterable[str], following: re.Pattern[str]) -> tuple[str, str] | None:
    """Return the column's name that the text begins with, and the rest, which begins with `following`."""
    text = text.strip()
    for name in sorted(columns, key=len, reverse=True):
        if name and text.startswith(name) and following.match(text, len(name)):
            return name, text[len(name) :]
    if quoted := _QUOTED_NAME.match(text):
        inside = quoted["tick"].replace("``", "`") if quoted["tick"] else _json(quoted["double"])
        if inside:
            return inside, text[quoted.end() :]
    sign = following.search(text, 1)
    return (text[: sign.start()].strip(), text[sign.start() :]) if sign else None


def _compared(name: str, sign: str, value: str) -> Condition:
    if sign.startswith("="):
        return OneOf(name, (value,))
    is_open = not sign.endswith("=")
    if sign.startswith(">"):
        return Between(name, value, None, low_open=is_open)
    return Between(name, None, value, high_open=is_open)


def _within(name: str, value: str) -> Condition | None:
    """Return the condition of a set in brackets, or of a range; None for neither."""
    if _BRACKETS.get(value[0]) == value[-1]:
        values = list(_items(value[1:-1]))
        known = [item for item in values if item is not None]
        return OneOf(name, tuple(known)) if known and len(known) == len(values) else None
    ends = _RANGE.fullmatch(value)
    if not ends:
        return None
    low, high = (unquoted(ends[end]) if ends[end] else None for end in ("low", "high"))
    if low is None and high is None:
        return None
    return Between(name, low, high, low_open=bool(ends["above"]), high_open=bool(ends["below"]))


def _items(text: str) -> Iterator[str | None]:
    """Yield the values between commas; None for what is none."""
    place = 0
    while place < len(text) or (place and text[place - 1] == ","):
        item = _ITEM.match(text, place)
        if item is None or (item["quoted"] is None and not item["bare"]):
            yield None
            return
        yield _json(item["quoted"]) if item["quoted"] is not None else item["bare"]
        place = item.end()


def unquoted(value: str) -> str:
    """Return the value that a text is: without quotes, if it is all in quotes."""
    read = _json(value) if value.startswith('"') else None
    return value if read is None else read


def _json(text: str) -> str | None:
    try:
        read = json.loads(text)
    except ValueError:
        return None
    return read if isinstance(read, str) else None


def _refuse(field: str, text: object) -> NoReturn:
    raise RequestError.of(field, "must be a condition", text, f"Conditions look like this: {FORMS}")
