"""Conditions and balances from messages, and back as the server read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.data import Balance, Between, Missing, OneOf, Present, parse_balance, parse_condition
from augment.data.condition_text import MAX_TEXT
from augment.data.conditions import MAX_VALUES
from augment.errors import RequestError
from augment_proto.v1 import augment_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.data import Condition

__all__ = ["balance_of", "conditions_of", "told_balance", "told_conditions"]


def conditions_of(messages: Sequence[pb.Condition], columns: Sequence[str]) -> list[Condition]:
    """Return the conditions of a request.

    Args:
        messages: As they came.
        columns: The model's columns, for conditions that are text.

    Raises:
        RequestError: One is no condition; its field is `conditions[i]`.
    """
    return [_condition(message, columns, f"conditions[{index}]") for index, message in enumerate(messages)]


def balance_of(request: pb.GenerateRequest, columns: Sequence[str]) -> Balance | None:
    """Return the balance of a request; None if it has none.

    Raises:
        RequestError: It is none.
    """
    if not request.HasField("balance"):
        return None
    message = request.balance
    if message.text:
        if message.column or message.shares:
            raise RequestError.of("balance", "must be text, or a column and shares, not both", message.text)
        return parse_balance(message.text, columns)
    if not message.column or len(message.shares) > MAX_VALUES:
        rule = f"must be a column and at most {MAX_VALUES} shares"
        raise RequestError.of("balance", rule, message.column)
    shares = tuple((_text(item.value, "balance"), item.share) for item in message.shares)
    return Balance(message.column, shares)


def told_conditions(messages: Sequence[pb.Condition], conditions: Sequence[Condition]) -> list[pb.Condition]:
    """Return conditions as text, for the receipt; those too long to be read again as they came."""
    pairs = zip(messages, conditions, strict=True)
    return [
        pb.Condition(text=condition.text) if len(condition.text) <= MAX_TEXT else message
        for message, condition in pairs
    ]


def told_balance(balance: Balance | None) -> pb.Balance | None:
    """Return a balance as text, for the receipt."""
    if balance is None or len(balance.text) <= MAX_TEXT:
        return None if balance is None else pb.Balance(text=balance.text)
    shares = [pb.ClassShare(value=pb.Value(text=value), share=share) for value, share in balance.shares]
    return pb.Balance(column=balance.column, shares=shares)


def _condition(message: pb.Condition, columns: Sequence[str], field: str) -> Condition:
    rule = message.WhichOneof("rule")
    if rule == "text":
        if message.column:
            raise RequestError.of(field, "must have no column beside text", message.column)
        return parse_condition(message.text, columns, field=field)
    if not message.column:
        raise RequestError.of(field, "must name a column", "none")
    if rule == "one_of":
        values = tuple(_text(value, field) for value in message.one_of.values)
        if not 1 <= len(values) <= MAX_VALUES:
            raise RequestError.of(field, f"must name 1 to {MAX_VALUES} values", len(values))
        return OneOf(message.column, values)
    if rule == "between":
        return _between(message.column, message.between, field)
    if rule == "missing":
        return Missing(message.column) if message.missing else Present(message.column)
    raise RequestError.of(field, "must have a rule", "none")


def _between(column: str, between: pb.ValueRange, field: str) -> Between:
    low = _text(between.low, field) if between.HasField("low") else None
    high = _text(between.high, field) if between.HasField("high") else None
    if low is None and high is None:
        raise RequestError.of(field, "must have a low end, a high end, or both", "neither")
    return Between(column, low, high, low_open=between.low_open, high_open=between.high_open)


def _text(value: pb.Value, field: str) -> str:
    kind = value.WhichOneof("kind")
    if kind is None:
        raise RequestError.of(field, "must have values that are set", "an empty value")
    held = getattr(value, kind)
    return str(held).lower() if kind == "boolean" else str(held)
