"""Laws of conditions on the wire: what a client means, the server reads; what it read, it tells."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from augment.data import Balance, Between, Missing, OneOf, Present
from augment.errors import RequestError
from augment_client.conditions import Asked
from augment_proto.reasons import Reason
from augment_proto.v1 import augment_pb2 as pb
from augment_server.asked import balance_of, conditions_of, told_balance, told_conditions
from tests.server.test_server_calls import refused

if TYPE_CHECKING:
    from augment.data import Condition
    from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub

COLUMNS = ["age", "age in years", "sex", "x"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["age in 30..40"], [Between("age", 30, 40)]),
        (["age in years in 30..40", "x is missing"], [Between("age in years", 30, 40), Missing("x")]),
        ({"age": (30, 40)}, [Between("age", 30, 40)]),
        ({"age": (30, None)}, [Between("age", 30, None)]),
        ({"age": (None, 40.5)}, [Between("age", None, 40.5)]),
        (
            {"income": ">50K", "sex": ["Male", "a, b"]},
            [OneOf("income", (">50K",)), OneOf("sex", ("Male", "a, b"))],
        ),
        ({"x": None}, [Missing("x")]),
        (
            ["x is not missing", {"x": 3, "age": True}],
            [Present("x"), OneOf("x", (3,)), OneOf("age", (True,))],
        ),
        (
            {"x": [np.int8(3), np.float32(0.5), Decimal("0.10"), 2**64 - 1]},
            [OneOf("x", ("3", "0.5", "0.10", 2**64 - 1))],
        ),
        ({"x": np.array([1, 2])}, [OneOf("x", (1, 2))]),
        ({"x": np.bool_(1)}, [OneOf("x", (True,))]),
        (
            {"x": (dt.date(2024, 1, 1), pd.Timestamp("2024-03-31 12:00"))},
            [Between("x", "2024-01-01", "2024-03-31 12:00:00")],
        ),
        ((text for text in ["age = 3"]), [OneOf("age", (3,))]),
    ],
)
def test_the_server_reads_what_the_client_means(given: Any, meant: list[Condition]) -> None:
    """Text and values of Python, numpy and pandas; and the receipt says the same again."""
    messages = Asked(given).condition_messages()
    read = conditions_of(messages, COLUMNS)
    assert read == meant
    assert conditions_of(told_conditions(messages, read), COLUMNS) == meant


def test_a_long_set_is_told_as_it_came() -> None:
    """Its text would be too long to be read again."""
    messages = Asked({"x": list(range(5000))}).condition_messages()
    read = conditions_of(messages, COLUMNS)
    assert told_conditions(messages, read) == messages


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("target", Balance("target")),
        ("age in years: 1=0.5, 2=0.5", Balance("age in years", (("1", 0.5), ("2", 0.5)))),
        (
            {"sex": {"Male": 0.25, np.str_("Female"): 0.75}},
            Balance("sex", (("Male", 0.25), ("Female", 0.75))),
        ),
        ({"x": {True: 1}}, Balance("x", (("true", 1.0),))),
        (None, None),
    ],
)
def test_the_server_reads_the_balance_that_the_client_means(given: Any, meant: Balance | None) -> None:
    """Text and shares; and the receipt says the same again."""
    request = pb.GenerateRequest(balance=Asked(balance=given).balance_message())
    assert balance_of(request, COLUMNS) == meant
    assert balance_of(pb.GenerateRequest(balance=told_balance(meant)), COLUMNS) == meant


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"conditions": [pb.Condition()]}, "conditions[0]"),
    ({"conditions": [pb.Condition(column="age")]}, "conditions[0]"),
    ({"conditions": [pb.Condition(column="age", text="age = 3")]}, "conditions[0]"),
    ({"conditions": [pb.Condition(column="age", one_of=pb.ValueSet())]}, "conditions[0]"),
    ({"conditions": [pb.Condition(column="age", one_of=pb.ValueSet(values=[pb.Value()]))]}, "conditions[0]"),
    ({"conditions": [pb.Condition(column="age", between=pb.ValueRange())]}, "conditions[0]"),
    ({"conditions": [pb.Condition(text="age in 30..40"), pb.Condition(text="x" * 5000)]}, "conditions[1]"),
    ({"conditions": [pb.Condition(text="age = 30")] * 257}, "conditions"),
    (
        {
            "conditions": [
                pb.Condition(column="age", one_of=pb.ValueSet(values=[pb.Value(number=float("nan"))]))
            ]
        },
        "conditions[0]",
    ),
    ({"conditions": [pb.Condition(text="shoe = 3")]}, "conditions[0]"),
    ({"conditions": [pb.Condition(text="age = 1e999999999")]}, "conditions[0]"),
    ({"balance": pb.Balance()}, "balance"),
    ({"balance": pb.Balance(text="city", column="city")}, "balance"),
    ({"balance": pb.Balance(text="shoe")}, "balance"),
    ({"balance": pb.Balance(column="city", shares=[pb.ClassShare(share=1)])}, "balance"),
    ({"steps": 2**32 - 1}, "steps"),
]


@pytest.mark.parametrize(("asked", "field"), WRONG)
def test_a_wrong_message_is_the_callers_mistake(
    stub: AugmentServiceStub, asked: dict[str, Any], field: str
) -> None:
    """Every form that a client of another make could send wrongly is refused by name, before the header."""
    told = refused(partial(list, stub.Generate(pb.GenerateRequest(model="tiny", rows=1, **asked))))
    assert (told.reason, told.violations[0].field) == (Reason.INVALID_REQUEST, field)


def test_many_values_in_all_are_refused_before_any_work() -> None:
    """Each condition is small, together they are not."""
    from augment.data import parse_conditions  # noqa: PLC0415 - this test alone

    many = [OneOf("age", range(100 * n, 100 * n + 100)) for n in range(101)]  # type: ignore[arg-type]  # any values
    with pytest.raises(RequestError, match="must name at most 10000 values in all"):
        parse_conditions(many, COLUMNS)
