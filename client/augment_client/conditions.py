"""What a caller asks of generated records, as messages: conditions and a balance of classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from augment_client.checks import checked_integer
from augment_client.errors import InvalidRequestError
from augment_proto.v1 import augment_pb2 as pb

__all__ = ["Asked", "BalanceLike", "ConditionsLike"]

ConditionsLike = Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
"""Texts such as `age in 30..40`, or values by column: `{"age": (30, 40), "sex": ["Male"], "x": None}`."""
BalanceLike = str | Mapping[str, Mapping[Any, float]]
"""A column or text such as `income: >50K=0.5, <=50K=0.5`, or shares: `{"income": {">50K": 0.5}}`."""
_MAX_STEPS = 100_000
_INT64 = 2**63
_ENDS = 2


@dataclass(frozen=True)
class Asked:
    """What is asked of generated records beside their number.

    Attributes:
        conditions: See `Client.generate`.
        balance: Likewise.
        steps: Likewise.
    """

    conditions: ConditionsLike | None = None
    balance: BalanceLike | None = None
    steps: int | None = None

    def condition_messages(self) -> list[pb.Condition]:
        """Return the conditions as messages.

        Raises:
            InvalidRequestError: One is neither text nor a mapping, or a value is of no known kind.
        """
        given = self.conditions
        if given is None:
            return []
        if isinstance(given, str) or not isinstance(given, Iterable):
            rule = "must be a list of texts, or values by column"
            raise InvalidRequestError.of("conditions", rule, given, f"For instance: conditions=[{given!r}]")
        items: Iterable[Any] = [given] if isinstance(given, Mapping) else given
        messages: list[pb.Condition] = []
        for item in items:
            messages += _messages(item, len(messages))
        return messages

    def balance_message(self) -> pb.Balance | None:
        """Return the balance as a message; None where there is none.

        Raises:
            InvalidRequestError: It is neither text nor one column's shares.
        """
        given = self.balance
        if given is None:
            return None
        if isinstance(given, str) and given.strip():
            return pb.Balance(text=_unicode(given, "balance"))
        if not isinstance(given, Mapping) or len(given) != 1:
            raise InvalidRequestError.of("balance", "must be a column, or one column's shares", given)
        ((column, shares),) = given.items()
        if not isinstance(column, str) or not isinstance(shares, Mapping) or not shares:
            raise InvalidRequestError.of("balance", "must have shares by class", given)
        parts = [
            pb.ClassShare(value=_value(value, "balance"), share=_share(share))
            for value, share in shares.items()
        ]
        return pb.Balance(column=_unicode(column, "balance"), shares=parts)

    def step_count(self) -> int:
        """Return the steps as the wire has them: 0 for None."""
        return 0 if self.steps is None else checked_integer("steps", self.steps, 1, _MAX_STEPS)


def _messages(item: object, index: int) -> list[pb.Condition]:
    """Return the conditions of a text or a mapping; the first of them is the request's `index`-th."""
    if isinstance(item, str):
        return [pb.Condition(text=_unicode(item, f"conditions[{index}]"))]
    if not isinstance(item, Mapping):
        raise InvalidRequestError.of(
            f"conditions[{index}]", "must be text such as 'age in 30..40', or values by column", item
        )
    return [
        _condition(column, wanted, f"conditions[{place}]")
        for place, (column, wanted) in enumerate(item.items(), index)
    ]


def _condition(column: object, wanted: object, field: str) -> pb.Condition:
    """Return the condition for a column: None: missing, a pair: a range, a list: one of."""
    if not isinstance(column, str) or not column:
        raise InvalidRequestError.of(field, "must have the name of a column", column)
    name = _unicode(column, field)
    if wanted is None:
        return pb.Condition(column=name, missing=True)
    if isinstance(wanted, tuple):
        return pb.Condition(column=name, between=_range(wanted, field))
    several = wanted if isinstance(wanted, Iterable) and not isinstance(wanted, str | bytes) else (wanted,)
    values = [_value(value, field) for value in several]
    if not values:
        raise InvalidRequestError.of(field, "must name at least one value", wanted)
    return pb.Condition(column=name, one_of=pb.ValueSet(values=values))


def _range(ends: tuple[object, ...], field: str) -> pb.ValueRange:
    if len(ends) != _ENDS or ends == (None, None):
        rule = "must be a pair (low, high), of which one may be None, or a list of values"
        raise InvalidRequestError.of(field, rule, ends)
    low, high = (None if end is None else _value(end, field) for end in ends)
    return pb.ValueRange(low=low, high=high)


def _value(value: object, field: str) -> pb.Value:
    """Return a value of Python, numpy or pandas as a message."""
    item = getattr(value, "item", None)
    plain = item() if callable(item) and getattr(value, "ndim", 0) == 0 else value
    if isinstance(plain, bool):
        return pb.Value(boolean=plain)
    if isinstance(plain, Integral) and -_INT64 <= int(plain) < _INT64:
        return pb.Value(integer=int(plain))
    if isinstance(plain, Real) and not isinstance(plain, Integral):
        return pb.Value(number=float(plain))
    return pb.Value(text=_text(plain, field))


def _text(value: object, field: str) -> str:
    if isinstance(value, str):
        return _unicode(value, field)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (Decimal, Integral)):
        return str(value)
    raise InvalidRequestError.of(field, "must have texts, numbers, booleans or dates as values", value)


def _share(share: object) -> float:
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 <= float(share) <= 1:
        raise InvalidRequestError.of("balance", "must have shares in [0, 1]", share)
    return float(share)


def _unicode(text: str, field: str) -> str:
    """Return text that can travel: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError.of(field, "must be valid Unicode", text) from error
    return text
