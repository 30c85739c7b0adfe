"""Laws of novelty: nothing that training had is new; what lies farther outside is newer."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data import Codec, conform, detect_schema
from augment.data.schema import ArrayColumn, Schema
from tests.data.columns import NUMERIC, fitted, level_columns

FIRST = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - a column without a zone
VALUES: list[list[Any]] = [
    [float(one) + 0.25 for one in range(50)],
    list(range(50)),
    [FIRST + dt.timedelta(days=one) for one in range(50)],
]


def novelty_of(codec: Codec, cells: list[Any]) -> list[float]:
    """Return the novelty of records of the column x."""
    told: list[float] = codec.novelty(conform(pa.table({"x": cells}), codec.schema, partial=True)).tolist()
    return told


@settings(max_examples=60, deadline=None)
@given(st.one_of(NUMERIC, level_columns()))
def test_nothing_of_training_is_new(column: pa.Array) -> None:
    """Training cells, missing ones too, have novelty 0: scores of such rows are the graph's."""
    codec = fitted(column)
    table = pa.table({"x": column})
    assert not codec.novelty(table).any()
    assert codec.encode(table)[1] == ()


@pytest.mark.parametrize("values", VALUES, ids=["real", "whole", "time"])
def test_numbers_are_newer_the_farther_they_are_out(values: list[Any]) -> None:
    """On both sides it is the distance from the end in standard deviations; 0 at and between the ends."""
    codec = fitted(pa.array(values))
    step, span = values[1] - values[0], values[-1] - values[0]
    deviation = float(np.std(np.arange(50)))
    above = [values[-1] + factor * step for factor in (1, 2, 100)]
    below = [values[0] - factor * step for factor in (1, 2, 100)]
    wanted = np.array([1, 2, 100]) / deviation
    np.testing.assert_allclose(novelty_of(codec, above), wanted, rtol=1e-4)
    np.testing.assert_allclose(novelty_of(codec, below), wanted, rtol=1e-4)
    assert novelty_of(codec, [values[0], values[0] + span / 2 if step != 1 else 25, values[-1]]) == [0, 0, 0]


def test_the_widest_integers_do_not_overflow() -> None:
    """Distances over all 64 bits are exact before they are divided."""
    codec = fitted(pa.array([0, 1, 2, 3] * 9, pa.int64()))
    low, high = novelty_of(codec, [-(2**63), 2**63 - 1])
    assert low == pytest.approx(2**63 / np.std([0, 1, 2, 3]))
    assert high == pytest.approx(2**63 / np.std([0, 1, 2, 3]))


def test_the_farthest_numbers_stay_finite() -> None:
    """Their distance is more than a float64 holds."""
    codec = fitted(pa.array([-1e308, 0.0, 1e308, 0.5] * 9))
    assert novelty_of(codec, [1.7e308])[0] > 0
    assert all(map(math.isfinite, novelty_of(codec, [1.7e308, -1.7e308])))
    tiny = fitted(pa.array([1.0, 1.0 + 1e-9, 1.0 + 2e-9] * 9))
    assert all(map(math.isfinite, novelty_of(tiny, [1.7e308, -1.7e308])))


@pytest.mark.parametrize("constant", [7, 7.5, 0, 0.0])
def test_any_other_value_of_a_constant_column_is_new(constant: float) -> None:
    """It was never seen, and is newer the farther it is away."""
    codec = fitted(pa.array([constant] * 30))
    same, near, far = novelty_of(codec, [constant, constant + 1, constant + 1000])
    assert same == 0
    assert math.log(31) < near < far


def test_levels_never_seen_are_new_and_missing_cells_are_not() -> None:
    """ln(rows + 1) for a category, a boolean, or any value where training had none."""
    codec = fitted(pa.array(["a", "b", "c"] * 10))
    assert novelty_of(codec, ["a", "z", None]) == [0, pytest.approx(math.log(31)), 0]
    codec = fitted(pa.array([True] * 30))
    assert novelty_of(codec, [True, False, None]) == [0, pytest.approx(math.log(31)), 0]
    codec = fitted(pa.array([None] * 30, pa.float64()))
    assert novelty_of(codec, [1.0, None]) == [pytest.approx(math.log(31)), 0]


def test_arrays_are_new_by_their_elements() -> None:
    """The sum over the elements beyond the training range, in standard deviations; missing arrays are not."""
    images = np.random.default_rng(0).uniform(0, 1, (40, 6)).astype(np.float32)
    cells = pa.FixedSizeListArray.from_arrays(pa.array(images.reshape(-1)), 6)
    table = pa.table({"x": cells})
    schema = Schema(columns=(ArrayColumn(name="x", shape=(2, 3), storage="float32", nullable=True),))
    codec = Codec.fit(conform(table, schema), schema)
    assert not codec.novelty(conform(table, schema)).any()
    high, deviation = float(images.max()), float(images.std())
    inside, odd = [0.5] * 6, [0.5] * 4 + [high + 1, high + 3]
    assert novelty_of(codec, [inside, odd, None]) == [0, pytest.approx(4 / deviation, rel=1e-4), 0]


def test_the_novelty_of_a_record_is_the_sum_of_its_cells() -> None:
    """Columns add up; the order of columns in the table does not matter."""
    table = pa.table({"n": [float(one) for one in range(40)], "c": ["a", "b"] * 20})
    codec = Codec.fit(table, detect_schema(table))
    odd = pa.table({"c": ["z", "z", "a"], "n": [100.0, 3.0, 100.0]})
    both, level, number = codec.novelty(conform(odd, codec.schema))
    assert both == pytest.approx(level + number)
    assert min(level, number) > 1
