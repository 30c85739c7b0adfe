"""Column comparisons: distances that are distances, bars and bins that add up."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from augment.data import Schema, detect_schema
from augment.evaluation import CategoryComparison, NumberComparison, compare_columns
from augment.evaluation.cells import MISSING, OTHER, labels, numbers
from augment.evaluation.columns import kolmogorov_smirnov, total_variation
from tests.records import every_kind

FLOATS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50).map(np.array)
LABELS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=50).map(np.array)


def one(real: object, synthetic: object, schema: Schema | None = None) -> object:
    """Return the comparison of two columns named x."""
    tables = (pa.table({"x": real}), pa.table({"x": synthetic}))
    return compare_columns(*tables, schema or detect_schema(tables[0]))[0]


@pytest.mark.filterwarnings("ignore:ks_2samp")  # about the p-value, which is not used
@given(FLOATS, FLOATS)
def test_the_distance_of_numbers_is_kolmogorov_and_smirnovs(first: np.ndarray, second: np.ndarray) -> None:
    """It equals SciPy's, and is symmetric."""
    found = kolmogorov_smirnov(first, second)
    assert found == pytest.approx(ks_2samp(first, second).statistic)
    assert found == pytest.approx(kolmogorov_smirnov(second, first))


@given(LABELS, LABELS, LABELS)
def test_the_distance_of_levels_is_a_metric(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    """Total variation is 0 for equal shares, symmetric, at most 1, and obeys the triangle inequality."""
    assert total_variation(a, np.repeat(a, 2)) == pytest.approx(0)
    assert total_variation(a, b) == pytest.approx(total_variation(b, a))
    assert 0 <= total_variation(a, c) <= min(1, total_variation(a, b) + total_variation(b, c)) + 1e-9


def test_a_table_does_not_differ_from_itself() -> None:
    """Every comparable column has difference 0; identifiers, texts and arrays are passed over."""
    table = every_kind()
    found = compare_columns(table, table, detect_schema(table, target="class"))
    assert [column.name for column in found] == [
        "age", "income", "city", "code", "member", "since", "day", "class",
    ]  # fmt: skip
    for column in found:
        assert column.difference == 0
        assert np.array_equal(column.real, column.synthetic)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e9])
def test_histograms_hold_every_cell(scale: float) -> None:
    """Shares add up to 1 in both, tails and values beyond the real range included."""
    random = np.random.default_rng(0)
    found = one(random.lognormal(0, 2, 3000) * scale, random.lognormal(1, 2, 500) * scale)
    assert isinstance(found, NumberComparison)
    assert found.real.sum() == pytest.approx(1)
    assert found.synthetic.sum() == pytest.approx(1)
    assert (np.diff(found.edges) > 0).all()
    assert len(found.real) <= 40
    # The bulk is not squeezed into a few bins by the tail.
    assert (found.real > 0.01).sum() > 10


def test_whole_numbers_have_bins_of_whole_numbers() -> None:
    """Few whole numbers get a bin each, many get bins of equally many, so that no bin is a comb's gap."""
    few = one([1, 2, 2, 3, 5], [1, 1, 2, 3, 4])
    assert isinstance(few, NumberComparison)
    assert few.edges.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    many = one([*range(1000)] * 2, [*range(1000)] * 2)
    assert isinstance(many, NumberComparison)
    assert set(np.diff(many.edges)) == {25.0}
    assert np.ptp(many.real[1:-1]) < 1e-9


def test_constant_and_absent_numbers_have_a_plot_too() -> None:
    """A constant column has one bin; a column without cells differs wholly from one with cells."""
    constant = one([7.0, 7.0, 7.0], [7.0, 7.0, 8.0])
    assert isinstance(constant, NumberComparison)
    assert constant.edges[0] < 7 < constant.edges[-1]
    schema = detect_schema(pa.table({"x": [1.5, 2.5, None]}))
    gone = one(pa.array([1.5, None]), pa.nulls(3, pa.float64()), schema)
    assert isinstance(gone, NumberComparison)
    assert gone.difference == 1
    assert gone.missing == (0.5, 1.0)


def test_missing_shares_count_as_a_difference() -> None:
    """Columns alike but for how many cells are missing differ by that."""
    values = [float(value) for value in range(50)]
    found = one(pa.array([*values, *[None] * 50]), pa.array(values * 2))
    assert isinstance(found, NumberComparison)
    assert found.difference == pytest.approx(0.5)


def test_many_levels_show_the_commonest_and_the_rest() -> None:
    """4,000 levels become 20, (other) and (missing), and the shares still add up to 1."""
    random = np.random.default_rng(0)
    real = [f"N{int(number)}" for number in np.minimum(random.zipf(1.3, 20_000), 4000)]
    schema = detect_schema(pa.table({"x": ["a", "b", None, "a"]}))
    found = one(pa.array([*real, None]), pa.array([*real[:500], "never seen", None]), schema)
    assert isinstance(found, CategoryComparison)
    assert len(found.levels) == 22
    assert found.levels[-2:] == (OTHER, MISSING)
    assert found.real.sum() == pytest.approx(1)
    assert found.synthetic.sum() == pytest.approx(1)
    assert found.hidden == len(set(real)) + 1 - 20


def test_numbered_levels_stand_in_order() -> None:
    """Levels that are numbers are shown by number, not by frequency."""
    schema = detect_schema(pa.table({"x": [10, 2, 2, 9]}), target="x")
    found = one([10, 2, 2, 9], [2, 2, 2, 2], schema)
    assert isinstance(found, CategoryComparison)
    assert found.levels == ("2", "9", "10")


def test_cells_become_numpy() -> None:
    """Numbers with NaN for missing, points in time in seconds, levels as text with a name for missing."""
    moment = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    assert numbers(pa.chunked_array([[moment, None]]))[0] == moment.timestamp()
    assert numbers(pa.chunked_array([[dt.date(1970, 1, 2)]])).tolist() == [86400.0]
    assert np.isnan(numbers(pa.chunked_array([pa.array([None], pa.int64())]))).all()
    assert labels(pa.chunked_array([[True, None]])).tolist() == ["true", MISSING]
    assert labels(pa.chunked_array([pa.array(["a", None]).dictionary_encode()])).tolist() == ["a", MISSING]
