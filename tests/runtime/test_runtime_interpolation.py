"""Ways through the latent space begin and end at the reconstructions, and are the same every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from augment.errors import RecordsError, RequestError
from augment.runtime import Method
from augment.runtime.paths import path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.runtime import Model

_VECTORS = hnp.arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32))


@pytest.mark.parametrize("method", ["linear", "slerp"])
@pytest.mark.parametrize("steps", [2, 3, 8])
def test_ends_are_the_reconstructions(model: Model, table: pa.Table, method: str, steps: int) -> None:
    """The first and last record of each pair are the two reconstructed, but for identifiers made anew."""
    start, end = table.slice(0, 20), table.slice(100, 20)
    records = model.interpolate(start, end, steps=steps, method=method).records
    assert records.num_rows == 20 * steps
    assert records.schema == model.result_schema
    first = records.take(np.arange(20) * steps)
    last = records.take(np.arange(20) * steps + steps - 1)
    assert first.drop(["key"]).equals(model.reconstruct(start).records.drop(["key"]))
    assert last.drop(["key"]).equals(model.reconstruct(end).records.drop(["key"]))


def test_identifiers_on_a_way_are_unique(model: Model, table: pa.Table) -> None:
    """Every record on the way is a record of its own."""
    keys = model.interpolate(table, table, steps=3).records.column("key")
    assert len(set(keys.to_pylist())) == len(keys)


def test_a_way_is_deterministic(model: Model, table: pa.Table) -> None:
    """Asked again, the same records."""
    once, again = (model.interpolate(table.slice(0, 5), table.slice(5, 5), steps=4) for _ in range(2))
    assert once.records.equals(again.records)


def test_a_way_to_itself_stays(model: Model, table: pa.Table) -> None:
    """Between a record and itself there is only its reconstruction."""
    records = model.interpolate(table.slice(4, 1), table.slice(4, 1), steps=5).records.drop(["key"])
    for row in range(5):
        assert records.slice(row, 1).equals(model.reconstruct(table.slice(4, 1)).records.drop(["key"]))


def test_unseen_values_of_both_ends_are_reported(small: Model, table: pa.Table) -> None:
    """Start's first, then end's."""
    start = table.slice(0, 1).set_column(3, "city", pa.array(["Atlantis"]))
    end = table.slice(0, 1).set_column(3, "city", pa.array(["Avalon"]))
    unseen = small.interpolate(start, end, steps=2).unseen
    assert [each.value for each in unseen] == ["Atlantis", "Avalon"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"steps": 1}, "steps"),
        ({"steps": 10_001}, "steps"),
        ({"steps": 2.0}, "steps"),
        ({"steps": True}, "steps"),
        ({"steps": 3, "method": "cubic"}, "method"),
        ({"steps": 3, "method": None}, "method"),
    ],
)
def test_parameters_out_of_range_are_named(
    small: Model, table: pa.Table, arguments: dict[str, Any], field: str
) -> None:
    """The error has the field, the rule and the value."""
    with pytest.raises(RequestError) as caught:
        small.interpolate(table, table, **arguments)
    assert caught.value.violations[0].field == field


def test_pairs_must_match(small: Model, table: pa.Table) -> None:
    """Row k of start goes to row k of end: their numbers must be equal."""
    with pytest.raises(RecordsError, match=r"end must have as many rows as start \(3\), got 2"):
        small.interpolate(table.slice(0, 3), table.slice(0, 2), steps=2)


def test_the_end_at_fault_is_named(small: Model, table: pa.Table) -> None:
    """A column missing from one of the two tables is told with which of them."""
    with pytest.raises(RecordsError, match=r"end: columns\.age must be there") as caught:
        small.interpolate(table, table.drop(["age"]), steps=2)
    assert caught.value.context == "end"


@settings(deadline=None)
@given(_VECTORS, _VECTORS, st.integers(2, 9), st.sampled_from(Method))
def test_paths_keep_their_ends(
    start: NDArray[np.float32], end: NDArray[np.float32], steps: int, method: Method
) -> None:
    """To the bit, for any vectors: zero, equal, opposite; and every point is finite."""
    points = path(start, end, steps=steps, method=method)
    assert points.shape == (3, steps, 4)
    assert points.dtype == np.float32
    assert points[:, 0].tobytes() == start.tobytes()
    assert points[:, -1].tobytes() == end.tobytes()
    assert np.isfinite(points).all()


@given(_VECTORS, _VECTORS)
def test_the_middle_of_a_straight_path_is_the_mean(
    start: NDArray[np.float32], end: NDArray[np.float32]
) -> None:
    """Linear: half way is the mean."""
    middle = path(start, end, steps=3, method=Method.LINEAR)[:, 1]
    np.testing.assert_allclose(middle, (start.astype(np.float64) + end) / 2, rtol=1e-6, atol=1e-6)


def test_a_great_circle_keeps_the_norm() -> None:
    """Between vectors of one length, all points have it, at equal angles."""
    vectors = np.random.default_rng(1).normal(size=(2, 5, 6))
    start, end = (vectors / np.linalg.norm(vectors, axis=2, keepdims=True)).astype(np.float32)
    points = path(start, end, steps=7, method=Method.SLERP).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(points, axis=2), 1, atol=1e-6)
    cosines = (points[:, 1:] * points[:, :-1]).sum(axis=2)
    np.testing.assert_allclose(cosines, cosines[:, :1].repeat(6, axis=1), atol=1e-6)
