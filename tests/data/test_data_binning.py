"""Bins, splines, grids and tables: the parts of the encoding of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from augment.data.binning import cut
from augment.data.rounding import Grid, common_step, fewest_decimals
from augment.data.splines import Splines
from augment.data.tables import CategoryTable, EncodingTables, RealTable, WholeTable

COUNTS = st.lists(st.integers(1, 400), max_size=400).map(lambda counts: np.array(counts, np.int64))


@given(COUNTS)
def test_bins_partition_the_cells(counts: np.ndarray) -> None:
    """Every cell is in one bin; no value is in two; single values have no stretch, others at least one."""
    bins = cut(counts)
    assert bins.counts.sum() == counts.sum()
    assert (bins.counts > 0).all()
    edges = np.concatenate([[0], np.cumsum(counts)])
    assert set(bins.starts.tolist()) <= set(edges.tolist())
    inside = np.diff(np.searchsorted(edges, bins.starts))
    assert ((inside == 1) == (bins.stretches == 0)).all()
    assert bins.stretches.max(initial=0) <= 16


@given(COUNTS)
def test_heavy_values_are_alone(counts: np.ndarray) -> None:
    """A value of more than 0.5 % and 10 cells is a bin of its own."""
    bins = cut(counts)
    edges = np.concatenate([[0], np.cumsum(counts)])
    for index in np.flatnonzero((counts >= 0.005 * counts.sum()) & (counts >= 10)):
        assert edges[index] in bins.starts
        assert edges[index + 1] in bins.starts


def test_few_values_are_all_alone() -> None:
    """Up to 20 values, and up to 200 with ten rows each on average."""
    assert (cut(np.array([1, 3, 200])).stretches == 0).all()
    assert (cut(np.full(200, 10)).stretches == 0).all()
    assert (cut(np.full(201, 10)).stretches > 0).any()
    assert (cut(np.full(20, 1)).stretches > 0).any()
    assert len(cut(np.zeros(0, np.int64)).stretches) == 0


def test_many_values_fall_into_bins_of_equal_weight() -> None:
    """48 bins of about equal weight where nothing is heavy; fewer for few rows, at least ten each."""
    assert len(cut(np.ones(100_000, np.int64)).counts) == 48
    assert np.ptp(cut(np.ones(100_000, np.int64)).counts) <= 2
    few = cut(np.ones(100, np.int64))
    assert len(few.counts) == 10
    assert few.stretches.max() == 3


def test_knots_are_evenly_spaced_ranks() -> None:
    """A bin's knots run from its first cell to its last."""
    bins = cut(np.ones(100, np.int64))
    whole, fraction = bins.knots()
    places = (whole + fraction).reshape(10, 4)
    assert (places[:, 0] == bins.starts[:-1]).all()
    assert (places[:, -1] == bins.starts[1:] - 1).all()
    assert np.allclose(np.diff(places, axis=1), 3)


def splines(*bins: list[float]) -> Splines[np.float64]:
    """Return splines of these bins' knots."""
    flat = tuple(knot for knots in bins for knot in knots)
    table = RealTable(
        column="x",
        counts=(0, *(1 for _ in bins)),
        widths=tuple(len(knots) - 1 for knots in bins),
        mean=0,
        deviation=1,
        knots=flat,
    )
    return Splines.of(table, np.array(flat))


def test_splines_locate_and_evaluate() -> None:
    """Worked example: bins [0, 1, 3], {5}, [6, 8], values inside, at ends, between and beyond."""
    three = splines([0.0, 1.0, 3.0], [5.0], [6.0, 8.0])
    values = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 3.9, 4.1, 5.0, 5.4, 5.6, 7.0, 8.0, -9.0, 99.0])
    tokens, residuals = three.locate(values)
    assert tokens.tolist() == [1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 1, 3]
    assert residuals.tolist() == [0, 0.25, 0.5, 0.75, 1, 1, 0.5, 0.5, 0.5, 0, 0.5, 1, 0, 1]
    back = three.evaluate(tokens.astype(np.int64), residuals)
    assert back.tolist() == [0, 0.5, 1, 2, 3, 3, 5, 5, 5, 6, 7, 8, 0, 8]


def test_ties_among_knots_take_the_middle() -> None:
    """A value that several residuals give is located in the middle of them."""
    _, residuals = splines([0.0, 2.0, 2.0, 2.0, 9.0]).locate(np.array([2.0]))
    assert residuals.tolist() == [0.5]


def test_extreme_floats_do_not_overflow() -> None:
    """Bins as wide as all floats evaluate inside their ends."""
    wide = splines([-1.7e308, 1.7e308])
    tokens, residuals = wide.locate(np.array([-1.7e308, 0.0, 1.7e308]))
    back = wide.evaluate(tokens.astype(np.int64), residuals)
    assert np.isfinite(back).all()
    assert back[0] == -1.7e308
    assert back[2] == 1.7e308


@given(st.integers(-(10**15), 10**15), st.integers(0, 15))
def test_grids_give_the_floats_that_text_gives(whole: int, decimals: int) -> None:
    """A decimal number, disturbed a little, rounds to the very float its text is read as."""
    text = float(f"{whole}e-{decimals}")
    assert Grid(decimals).round(np.array([text]))[0] == text
    if abs(whole) < 10**12:
        assert Grid(decimals).round(np.array([text * (1 + 1e-14)]))[0] == text


def test_grids_leave_alone_what_is_too_large() -> None:
    """Numbers whose last place a float cannot tell stay as they are."""
    assert Grid(5).round(np.array([1e300, 123456789012345.67])).tolist() == [1e300, 123456789012345.67]
    assert Grid(2).places(np.array([1e300])) is None
    assert Grid(1, step=5, origin=2).round(np.array([0.6, 1.0, -0.2])).tolist() == [0.7, 1.2, -0.3]


def test_fewest_decimals() -> None:
    """They are those of the type: 0.1 has one as float32 as well; random floats have none."""
    narrow = np.array([0.1, 7.25], np.float32)
    assert fewest_decimals(narrow.astype(np.float64), np.dtype(np.float32)) == 2
    assert fewest_decimals(np.array([1 / 3]), np.dtype(np.float64)) is None
    assert fewest_decimals(np.array([0.1 + 0.2]), np.dtype(np.float64)) is None


def test_common_steps_need_ten_values() -> None:
    """Fewer may have a divisor by chance."""
    assert common_step(np.arange(0, 50, 5, dtype=np.uint64)) == 5
    assert common_step(np.arange(0, 45, 5, dtype=np.uint64)) == 1


WHOLE: dict[str, Any] = {
    "column": "x",
    "counts": (0, 4, 5),
    "widths": (0, 1),
    "mean": 0,
    "deviation": 1,
    "origin": 3,
    "knots": (0, 2, 5),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": (0, 4)}, "widths must be one fewer"),
        ({"knots": (0, 2)}, "n \\+ 1 knots"),
        ({"knots": (0, 5, 2)}, "knots must not decrease"),
        ({"knots": (0, 2, 2**64)}, "less than"),
        ({"mean": float("nan")}, "finite"),
        ({"step": 0}, "greater than or equal"),
        ({"surprise": 1}, "extra_forbidden"),
    ],
)
def test_broken_number_tables_are_refused(change: dict[str, Any], message: str) -> None:
    """What would index out of range or decode nonsense does not validate."""
    assert WholeTable(**WHOLE).step == 1
    with pytest.raises(ValidationError, match=message):
        WholeTable(**(WHOLE | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": (0, 1)}, "2 levels need 3 counts"),
        ({"levels": ("a", "a")}, "levels must be distinct"),
        ({"levels": ("a", 1)}, "levels"),
        ({"dictionary": ("a",)}, "dictionary must have all levels"),
        ({"rare_counts": (1, 2, 3)}, "need 1 counts"),
    ],
)
def test_broken_category_tables_are_refused(change: dict[str, Any], message: str) -> None:
    """Levels, tokens and dictionary must agree."""
    table: dict[str, Any] = {"column": "x", "counts": (0, 1, 2), "levels": ("a", "b")}
    assert CategoryTable(**table).own_tokens == 2
    with pytest.raises(ValidationError, match=message):
        CategoryTable(**(table | change))


def test_tables_are_found_by_column() -> None:
    """Rows are those learnt from; an absent column has no table."""
    tables = EncodingTables(columns=(WholeTable(**WHOLE),))
    assert tables.rows == 9
    assert tables.table("x") == tables.columns[0]
    assert tables.table("y") is None
    assert EncodingTables(columns=()).rows == 0
