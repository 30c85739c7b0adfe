"""Laws of conditions as text: what is written is read again, and errors say what is possible."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from augment.data.balance import Balance, parse_balance
from augment.data.condition_text import parse_condition
from augment.data.conditions import Between, Condition, Missing, OneOf, Present
from augment.errors import RequestError

SETTINGS = settings(max_examples=300, deadline=None)
NAMES = st.one_of(
    st.text(min_size=1, max_size=8),
    st.sampled_from(["age", "a in b", "x is missing", "in", "is", "pm2.5", "`", '"', "a >= b", "Größe"]),
)
VALUES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [">50K", "<=50K", "1..2", "..", "=", "missing", "2024-01-01", "{a, b}", "a, b", '"q"', ""]
    ),
)


def conditions() -> st.SearchStrategy[Condition]:
    """Every form, with any text as name and values."""
    several = st.lists(VALUES, min_size=1, max_size=4).map(tuple)
    end = st.none() | VALUES
    between = st.builds(
        lambda name, ends, low_open, high_open: Between(name, ends[0], ends[1], low_open, high_open),
        NAMES,
        st.tuples(end, end).filter(lambda ends: ends != (None, None)),
        st.booleans(),
        st.booleans(),
    )
    return st.one_of(
        st.builds(OneOf, NAMES, several), between, st.builds(Missing, NAMES), st.builds(Present, NAMES)
    )


@SETTINGS
@given(conditions())
@example(Missing("!"))
@example(OneOf("a!", ("=",)))
def test_a_condition_is_read_from_its_own_text(condition: Condition) -> None:
    """Whatever the names and values are, the text stands for the very condition."""
    assert parse_condition(condition.text) == condition
    assert parse_condition(condition.text, [condition.column, "other"]) == condition


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("age = 40", OneOf("age", (40,))),
        ("age==40", OneOf("age", (40,))),
        ("income = >50K", OneOf("income", (">50K",))),
        ("income = <=50K", OneOf("income", ("<=50K",))),
        ("income=>50K", OneOf("income", (">50K",))),
        ("note = a in b = c", OneOf("note", ("a in b = c",))),
        ("sex in {Male, Female}", OneOf("sex", ("Male", "Female"))),
        ('sex in ["Male", "a, b"]', OneOf("sex", ("Male", "a, b"))),
        ("age in 30..40", Between("age", 30, 40)),
        ("age in 30 .. 40", Between("age", 30, 40)),
        ("age in 30..", Between("age", 30, None)),
        ("age in -3.5..-1", Between("age", -3.5, -1)),
        ("age >= 30", Between("age", 30, None)),
        ("age < 40", Between("age", None, 40, high_open=True)),
        ("date in 2024-01-01..2024-03-31", Between("date", dt.date(2024, 1, 1), dt.date(2024, 3, 31))),
        ("pm2.5 is missing", Missing("pm2.5")),
        ("pm2.5 IS NOT NULL", Present("pm2.5")),
        ("`hours per week` > 3", Between("hours per week", 3, None, low_open=True)),
        ('"a = b" = 3', OneOf("a = b", (3,))),
        ("hours per week = 3", OneOf("hours per week", (3,))),
        ("member = true", OneOf("member", (True,))),
    ],
)
def test_the_forms_people_write(text: str, meant: Condition) -> None:
    """Each form is read as what it says; values are compared as text."""
    assert parse_condition(text) == meant


def test_the_longest_known_column_is_meant() -> None:
    """Names with operators in them need no quotes where the columns are known."""
    columns = ["a", "a in b", "a = b"]
    assert parse_condition("a in b = 3", columns) == OneOf("a in b", ("3",))
    assert parse_condition("a = b = 3", columns) == OneOf("a = b", ("3",))
    assert parse_condition("a = b", columns) == OneOf("a", ("b",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age",
        "age ~ 3",
        "age =",
        "= 3",
        "age != 3",
        "age in 3",
        "age in {}",
        "age in {a,,b}",
        "age in ..",
        "a" * 5000,
    ],
)
def test_what_is_no_condition_is_refused_with_the_forms(text: str) -> None:
    """The error names the field and shows what conditions look like."""
    with pytest.raises(RequestError, match=r"conditions\[2\] must") as caught:
        parse_condition(text, field="conditions[2]")
    assert len(text) > 4096 or "age in 30..40" in str(caught.value)


@SETTINGS
@given(NAMES, st.lists(st.tuples(VALUES, st.floats(0, 1)), max_size=4))
def test_a_balance_is_read_from_its_own_text(name: str, shares: list[tuple[str, float]]) -> None:
    """Whatever the names and values are, the text stands for the very balance."""
    balance = Balance(name, tuple(shares))
    assert parse_balance(balance.text) == balance


def test_shares_whose_classes_have_signs() -> None:
    """The last sign of equality before a comma separates class and share."""
    text = "income: >50K=0.5, <=50K=0.5"
    assert parse_balance(text) == Balance("income", ((">50K", 0.5), ("<=50K", 0.5)))
    for wrong in ["income: >50K", "income: a=x", "", "income: a=0.5,,"]:
        with pytest.raises(RequestError, match="must be a column, or a column and shares"):
            parse_balance(wrong)
