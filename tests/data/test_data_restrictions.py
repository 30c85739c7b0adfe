"""Laws of restrictions: all that they admit decodes to cells that satisfy the conditions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from augment.data import Codec, Encoded, Schema, conform, detect_schema
from augment.data.balance import Balance
from augment.data.category import fit_category
from augment.data.conditions import Between, Condition, Missing, OneOf, Present
from augment.data.restrictions import Restriction, compile_restrictions
from augment.data.schema import CategoryColumn
from augment.data.shares import Shares, class_of_row, compile_balance
from augment.data.tables import EncodingTables
from augment.data.wanted import satisfied
from augment.errors import RequestError
from tests.data.columns import NUMERIC, fitted, level_columns
from tests.records import every_kind

SETTINGS = settings(max_examples=150, deadline=None)
ONE = int(np.float32(1).view(np.uint32))


def decoded(codec: Codec, index: int, tokens: np.ndarray, residuals: np.ndarray) -> pa.RecordBatch:
    """Decode records whose other columns are whatever comes first."""
    rows, width = len(tokens), len(codec.layout.names)
    all_tokens = np.ones((rows, width), np.int32)
    all_residuals = np.full((rows, width), 0.5, np.float32)
    all_tokens[:, index], all_residuals[:, index] = tokens, residuals
    return codec.decode(
        Encoded(all_tokens, all_residuals, np.zeros((rows, codec.layout.array_width), np.float32))
    )


def draws(restriction: Restriction, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return residuals of every admitted interval: ends, neighbours of the ends, and many inside."""
    tokens, residuals = [], []
    for token, parts in enumerate(restriction.intervals):
        for low, high in parts:
            first, last = (int(np.float32(end).view(np.uint32)) for end in (low, high))
            assert 0 <= first <= last <= ONE
            by_bits = generator.integers(first, last + 1, 20)
            near = [first, min(first + 1, last), max(last - 1, first), last]
            by_value = (low + generator.random(40) * (high - low)).astype(np.float32).clip(low, high)
            some = np.concatenate([np.append(by_bits, near).astype(np.uint32).view(np.float32), by_value])
            residuals.append(some.astype(np.float32))
            tokens.append(np.full(len(some), token))
    return np.concatenate(tokens).astype(np.int32), np.concatenate(residuals)


def values_for(column: pa.Array) -> st.SearchStrategy[Any]:
    """Values of the column, and others that its type can hold."""
    cells = column.drop_null()
    texts = cells.cast(pa.string()) if pa.types.is_temporal(cells.type) else cells
    return st.sampled_from(
        [str(value).lower() if isinstance(value, bool) else value for value in texts.to_pylist()]
    )


def wanted(column: pa.Array, data: st.DataObject) -> Condition:
    """Draw a condition that the column's own values suggest."""
    values = values_for(column)
    ordered = not (
        pa.types.is_dictionary(column.type)
        or pa.types.is_boolean(column.type)
        or "string" in str(column.type)
    )
    form = data.draw(
        st.sampled_from(["one", "many", "between", "low", "high"] if ordered else ["one", "many"])
    )
    is_open = data.draw(st.booleans())
    match form:
        case "one":
            return OneOf("x", (data.draw(values),))
        case "many":
            return OneOf("x", tuple(data.draw(st.lists(values, min_size=1, max_size=6))))
        case "low":
            return Between("x", data.draw(values), None, low_open=is_open)
        case "high":
            return Between("x", None, data.draw(values), high_open=is_open)
    return Between(
        "x", data.draw(values), data.draw(values), low_open=is_open, high_open=data.draw(st.booleans())
    )


@SETTINGS
@given(st.one_of(NUMERIC, level_columns()), st.data())
def test_all_that_is_admitted_decodes_to_what_was_asked_for(column: pa.Array, data: st.DataObject) -> None:
    """Whatever residual of an admitted interval is drawn, and however the condition was given."""
    assume(column.null_count < len(column))
    codec = fitted(column)
    condition = wanted(column, data)
    try:
        restriction = compile_restrictions(codec, [condition])[0]
    except RequestError:
        return
    tokens, residuals = draws(restriction, np.random.default_rng(0))
    batch = decoded(codec, 0, tokens, residuals)
    assert pc.all(satisfied(batch, [condition], codec.schema)).as_py()
    assert pc.all(satisfied(batch, [condition.text], codec.schema)).as_py()
    cast = pa.Table.from_batches([batch]).cast(codec.result_schema)
    assert pc.all(satisfied(cast, [condition], codec.schema)).as_py()
    moved = restriction.squeeze(tokens, np.random.default_rng(1).random(len(tokens), np.float32))
    assert pc.all(satisfied(decoded(codec, 0, tokens, moved), [condition], codec.schema)).as_py()
    assert ((restriction.weights > 0) == [bool(parts) for parts in restriction.intervals]).all()
    assert (restriction.weights <= 1).all()


@SETTINGS
@given(st.one_of(NUMERIC, level_columns()), st.data())
def test_what_is_not_admitted_does_not_satisfy(column: pa.Array, data: st.DataObject) -> None:
    """Away from the last bits at an interval's end, what is left out is left out for a reason."""
    assume(column.null_count < len(column))
    codec = fitted(column)
    condition = wanted(column, data)
    try:
        restriction = compile_restrictions(codec, [condition])[0]
    except RequestError as exc:
        assume("must be possible" in str(exc))  # a year before 1 cannot be written
        restriction = Restriction(((),) * codec.layout.vocab_sizes[0])
    tokens = np.repeat(np.arange(codec.layout.vocab_sizes[0], dtype=np.int32), 64)
    residuals = np.random.default_rng(0).random(len(tokens), np.float32)
    outside = np.array(
        [
            not any(low - 1e-5 <= residual <= high + 1e-5 for low, high in restriction.intervals[token])
            for token, residual in zip(tokens, residuals, strict=True)
        ]
    )
    right = np.asarray(satisfied(decoded(codec, 0, tokens, residuals), [condition], codec.schema))
    narrow = _is_coarse(codec)
    assert not right[outside].any() or narrow


def _is_coarse(codec: Codec) -> bool:
    """Whether a bin is so narrow beside its values that floats inside it hardly differ."""
    table = codec.tables.columns[0]
    if table.table != "real" or not table.knots:
        return False
    steps = np.diff(np.array(table.knots))
    scale = np.abs(np.array(table.knots)).max()
    return bool(((steps > 0) & (steps < scale * 1e-9)).any())


def test_weights_are_the_shares_by_rank() -> None:
    """About a quarter of the rows are in the lowest quarter, and the weights say so."""
    column = pa.array(np.round(np.random.default_rng(0).lognormal(3, 1, 4000), 2))
    codec = fitted(column)
    quarter = float(np.quantile(np.asarray(column), 0.25))
    restriction = compile_restrictions(codec, [f"x <= {quarter!r}"])[0]
    assert float((restriction.weights * codec.layout.frequencies[0]).sum()) == pytest.approx(0.25, abs=0.003)


def test_each_value_of_a_set_of_numbers_has_its_interval() -> None:
    """Values inside one bin are told apart by the residual."""
    codec = fitted(pa.array(list(range(3000))))
    restriction = compile_restrictions(codec, ["x in {11, 13, 17}"])[0]
    tokens, residuals = draws(restriction, np.random.default_rng(0))
    assert set(decoded(codec, 0, tokens, residuals)["x"].to_pylist()) == {11, 13, 17}
    assert len([part for parts in restriction.intervals for part in parts]) == 3
    equal = restriction.squeeze(np.full(30000, tokens[0]), np.random.default_rng(1).random(30000, np.float32))
    counts = decoded(codec, 0, np.full(30000, tokens[0]), equal)["x"].value_counts().field("counts")
    assert min(counts.to_pylist()) > 9000


def test_rare_levels_are_told_apart_by_the_residual() -> None:
    """Of those that share one token, only what was asked for comes out."""
    column = pa.array(["a"] * 9 + ["b"] * 5 + ["c"] * 3 + ["d"] * 2 + ["e", None])
    schema = Schema(columns=(CategoryColumn(name="x", nullable=True, storage="string"),))
    codec = Codec(schema, EncodingTables(columns=(fit_category("x", column, max_levels=2),)))
    for wanted_levels, intervals in [
        (("c",), 1),
        (("c", "e"), 2),
        (("d", "e"), 1),
        (("a", "d"), 1),
        (("c", "d", "e"), 1),
    ]:
        restriction = compile_restrictions(codec, [OneOf("x", wanted_levels)])[0]
        assert len(restriction.intervals[3]) == intervals
        tokens, residuals = draws(restriction, np.random.default_rng(0))
        assert set(decoded(codec, 0, tokens, residuals)["x"].to_pylist()) == set(wanted_levels)
    whole = compile_restrictions(codec, [OneOf("x", ("c", "d", "e"))])[0]
    assert whole.weights[3] == 1
    assert compile_restrictions(codec, [OneOf("x", ("e",))])[0].weights[3] == pytest.approx(1 / 6, abs=1e-6)


@pytest.fixture(scope="module")
def codec() -> Codec:
    """Of the table with every kind of column."""
    table = every_kind()
    schema = detect_schema(table, target="class")
    return Codec.fit(conform(table, schema), schema)


def test_several_conditions_hold_at_once(codec: Codec) -> None:
    """On different columns and on one; each row satisfies all."""
    conditions = [
        "age in 30..60",
        "age > 35",
        "income is not missing",
        "city in {Bern, Zürich}",
        "since < 2024-06-01",
    ]
    restrictions = compile_restrictions(codec, conditions)
    names = [codec.layout.names[index] for index in restrictions]
    assert names == ["age", "income", "city", "since"]
    assert restrictions[names.index("age")] != compile_restrictions(codec, conditions[:1])[0]
    for index, restriction in restrictions.items():
        tokens, residuals = draws(restriction, np.random.default_rng(0))
        name = codec.layout.names[index]
        about = [condition for condition in conditions if condition.startswith(name)]
        assert pc.all(satisfied(decoded(codec, index, tokens, residuals), about, codec.schema)).as_py()


def test_a_date_stands_for_its_whole_day(codec: Codec) -> None:
    """Ranges include the evening of their last day; times are exact."""
    table = pa.table(
        {
            "since": pa.array(["2024-01-31T00:00:00Z", "2024-01-31T23:59:59Z", "2024-02-01T00:00:00Z"]).cast(
                pa.timestamp("us", "UTC")
            )
        }
    )
    for text, right in {
        "since <= 2024-01-31": [True, True, False],
        "since < 2024-01-31": [False, False, False],
        "since > 2024-01-31": [False, False, True],
        "since = 2024-01-31": [True, True, False],
        "since <= 2024-01-31 00:00": [True, False, False],
        "since in 2024-01-31 12:00..2024-02-01T01:00+01:00": [False, True, True],
    }.items():
        assert satisfied(table, [text], codec.schema).to_pylist() == right, text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age > 200", r"age has values from 18 to 73"),
        ("age = 30.5", r"age has values from 18 to 73"),
        ("age in 40..30", r"write the lower end first"),
        ("since in 2024-02-01..2024-01-31", r"write the lower end first"),
        (
            "since = 2024-02-01",
            r"nearest to what was asked are 2024-01-30 05:00:00Z and 2024-02-03 10:00:00Z",
        ),
        ("city = Zurich", r"Did you mean 'Zürich'\? Values of city: Zürich, Genève, Bern"),
        ('city = "\\ud800"', r"Values of city: Zürich"),
        ('since = "\\ud800"', r"a date or a time such as"),
        ("code = w", r"Values of code: y, z, x"),
        ("agee = 3", r"Did you mean 'age'"),
        ("age is missing", r"No training cell of age is missing"),
        ("key = C-00001", r"identifier columns are never learnt"),
        ("note = x", r"text columns are never learnt"),
        ("image = 3", r"can ask of an array column only whether it is missing"),
        ("city < 3", r"city is a category.*city in \{"),
        ("age = old", r"must give age a number, got 'old'"),
        ("since > yesterday", r"a date or a time such as"),
        ("member = perhaps", r"must give member true or false"),
        ("day = 2024-01-01 10:00", r"must give day a date"),
    ],
)
def test_an_impossible_condition_says_which_and_what_is_possible(
    codec: Codec, text: str, message: str
) -> None:
    """The field is the condition's place."""
    with pytest.raises(RequestError, match=message) as caught:
        compile_restrictions(codec, ["income > 0", text])
    assert caught.value.violations[0].field == "conditions[1]"


def test_conditions_that_exclude_each_other_are_both_named(codec: Codec) -> None:
    """Each is possible, together they are not."""
    with pytest.raises(
        RequestError, match=r"conditions\[2\] must leave something of age together with conditions\[0\]"
    ):
        compile_restrictions(codec, ["age > 40", "city = Bern", "age < 30"])
    with pytest.raises(RequestError, match=r"conditions\[1\] must leave something"):
        compile_restrictions(codec, [Missing("income"), Present("income")])


def shares_of(*shares: float) -> Shares:
    """Return shares without a column."""
    return Shares(0, tuple("abcdef"[: len(shares)]), shares, (Restriction(((),)),) * len(shares))


@SETTINGS
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=6).filter(lambda some: sum(some) > 0.01),
    st.integers(0, 2**63 - 4000),
    st.integers(1, 3000),
    st.integers(0, 2**64 - 1),
)
def test_any_stretch_of_rows_has_the_shares(weights: list[float], first: int, rows: int, seed: int) -> None:
    """To within a few rows, wherever it begins; and a row's class does not depend on the stretch."""
    shares = [weight / sum(weights) for weight in weights]
    compiled = shares_of(*shares)
    numbers = first + np.arange(rows, dtype=np.int64)
    classes = class_of_row(compiled, numbers, seed)
    counts = np.bincount(classes, minlength=len(shares))
    assert (np.abs(counts - rows * np.array(shares)) < 4).all()
    assert (counts[np.array(shares) == 0] == 0).all()
    assert (class_of_row(compiled, numbers[rows // 2 :], seed) == classes[rows // 2 :]).all()


@pytest.mark.parametrize("share", [0.5, 0.1, 1 / 3, 0.999])
def test_every_prefix_of_a_long_table_has_the_shares(share: float) -> None:
    """To within four rows, over a million of them."""
    classes = class_of_row(shares_of(share, 1 - share), np.arange(1_000_000), 7)
    ahead = np.cumsum(classes == 0) - share * np.arange(1, 1_000_001)
    assert np.abs(ahead).max() <= 4


def test_a_balance_is_of_the_target_or_of_a_column_with_few_values(codec: Codec) -> None:
    """Equal shares are of the training classes, missing excluded."""
    target = compile_balance(codec, Balance("target"))
    assert (target.classes, target.shares) == (("1", "0"), (0.5, 0.5))
    assert codec.layout.names[target.column] == "class"
    city = compile_balance(codec, Balance("city"))
    assert city.classes == ("Zürich", "Genève", "Bern")
    assert all(restriction.weights[0] == 0 for restriction in city.restrictions)
    assert compile_balance(codec, Balance("city"), ["city in {Bern, Genève}"]).shares == (0.5, 0.5)
    given_shares = compile_balance(codec, Balance.of("city", {"Bern": 0.25, "Zürich": 0.75}))
    assert given_shares.shares == (0.25, 0.75)
    assert compile_balance(codec, Balance("member")).classes == ("false", "true")


@pytest.mark.parametrize(
    ("balance", "message"),
    [
        (Balance("income"), "must be a column of 1 to 50 values"),
        (Balance("image"), "must be a column with classes"),
        (Balance("nothing"), "must be a column with classes.*Columns: age"),
        (Balance.of("city", {"Bern": 0.5, "Zurich": 0.5}), "Did you mean 'Zürich'"),
        (Balance.of("city", {"Bern": 0.5, "Zürich": 0.6}), "must have shares that sum to 1"),
        (Balance.of("city", {"Bern": -1, "Zürich": 2}), r"must have shares in \[0, 1\]"),
        (Balance("city", (("Bern", 0.5), ("Bern", 0.5))), "must name each class once"),
        (Balance("city", (("Bern", math.nan),)), r"must have shares in \[0, 1\]"),
    ],
)
def test_a_balance_that_cannot_be_is_refused(codec: Codec, balance: Balance, message: str) -> None:
    """The error's field is `balance`."""
    with pytest.raises(RequestError, match=message) as caught:
        compile_balance(codec, balance)
    assert caught.value.violations[0].field == "balance"


def test_conditions_that_leave_no_class_are_refused() -> None:
    """Missing cells are of no class."""
    column = fitted(pa.array(["a", "b", None, "a", "b", "b"]))
    with pytest.raises(RequestError, match="must have a class that the conditions leave of x") as caught:
        compile_balance(column, Balance("x"), ["x is missing"])
    assert caught.value.violations[0].field == "balance"
