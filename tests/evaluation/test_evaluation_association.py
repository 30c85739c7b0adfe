"""Associations: bounded, symmetric, and what they should be where that is known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.data import detect_schema
from augment.evaluation import compare_associations
from augment.evaluation.association import correlation_ratio, cramers_v, pearson
from tests.records import every_kind

CODES = st.lists(st.integers(0, 4), min_size=4, max_size=40)


def test_matrices_are_symmetric_and_bounded() -> None:
    """Over every kind of column: ones on the diagonal, all in [-1, 1], equal tables equal matrices."""
    table = every_kind()
    found = compare_associations(table, table, detect_schema(table, target="class"))
    assert len(found.names) == 8
    assert np.array_equal(found.real, found.real.T)
    assert np.array_equal(np.diag(found.real), np.ones(8))
    assert (np.abs(found.real) <= 1).all()
    assert found.mean_difference == 0


def test_known_dependences_are_found() -> None:
    """In the shared records age, income and city go with the class, and the code with nothing."""
    table = every_kind(2000)
    found = compare_associations(table, table.slice(0, 500), detect_schema(table, target="class"))
    strength = dict(zip(found.names, found.real[found.names.index("class")], strict=True))
    assert min(strength[name] for name in ("age", "income", "city")) > 0.6
    assert strength["code"] < 0.1
    assert 0 < found.mean_difference < 0.1


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=3, max_size=40))
def test_pearson_is_bounded_and_symmetric(pairs: list[tuple[float, float]]) -> None:
    """Whatever the numbers."""
    x, y = np.array(pairs).T
    assert -1 - 1e-9 <= pearson(x, y) <= 1 + 1e-9
    assert pearson(x, y) == pytest.approx(pearson(y, x))


@given(CODES.flatmap(lambda first: st.tuples(st.just(first), st.permutations(first))))
def test_cramers_v_is_bounded_and_symmetric(pair: tuple[list[int], list[int]]) -> None:
    """Whatever the levels, and it does not care what they are called."""
    first, second = (np.array(codes) for codes in pair)
    found = cramers_v(first, second)
    assert 0 <= found <= 1
    assert found == pytest.approx(cramers_v(second, first), abs=1e-6)
    assert found == pytest.approx(cramers_v(7 - first, second), abs=1e-6)


def test_perfect_dependence_is_1_and_independence_about_0() -> None:
    """Of levels with themselves, and of independent ones even where rows are few for so many levels."""
    random = np.random.default_rng(0)
    first, second = random.integers(0, 20, (2, 300))
    assert cramers_v(first, first) == pytest.approx(1)
    assert cramers_v(first, second) < 0.15
    assert correlation_ratio(first, first.astype(float)) == pytest.approx(1)
    assert correlation_ratio(np.zeros(300, np.int64), random.normal(size=300)) == pytest.approx(0)


def test_what_says_nothing_is_0() -> None:
    """Constants, missing cells throughout and too few rows have no association."""
    nothing, constant, line = np.full(9, np.nan), np.ones(9), np.arange(9.0)
    zeros, codes = np.zeros(9, np.int64), np.arange(9)
    assert pearson(constant, line) == pearson(nothing, line) == pearson(line[:2], line[:2]) == 0
    assert cramers_v(zeros, codes) == cramers_v(codes[:2], codes[:2]) == 0
    assert correlation_ratio(codes, constant) == correlation_ratio(codes, nothing) == 0


def test_missing_numbers_are_left_out_pair_by_pair() -> None:
    """A missing cell takes only its own pairs away."""
    x = np.array([0.0, 1, 2, 3, np.nan])
    assert pearson(x, np.array([0.0, 2, 4, 6, 100])) == pytest.approx(1)


def test_one_column_has_no_pairs() -> None:
    """A table of one column compares as equal."""
    table = pa.table({"x": [1.5, 2.5, 3.5]})
    assert compare_associations(table, table, detect_schema(table)).mean_difference == 0
