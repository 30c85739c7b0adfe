"""The quick judges know good synthetic data from bad."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from augment.data import Schema, detect_schema
from augment.evaluation import detection_auc, project, usefulness
from augment.evaluation.matrices import MAX_ELEMENTS, categorical, features, matrices
from tests.records import every_kind

REAL, FRESH, TEST = every_kind(600, 1), every_kind(600, 2), every_kind(400, 3)
SCHEMA = detect_schema(REAL, target="class")


def shuffled(table: pa.Table) -> pa.Table:
    """Return a table with each column in an order of its own: all marginals right, all pairs wrong."""
    random = np.random.default_rng(0)
    return pa.table({name: table[name].take(random.permutation(len(table))) for name in table.column_names})


def test_a_fresh_real_sample_cannot_be_told() -> None:
    """The noise floor: real against real is near 0.5."""
    auc = detection_auc(REAL, FRESH, SCHEMA)
    assert auc is not None
    assert 0.42 < auc < 0.58


def test_independent_columns_are_told() -> None:
    """A table with right marginals alone does not pass."""
    auc = detection_auc(REAL, shuffled(FRESH), SCHEMA)
    assert auc is not None
    assert auc > 0.95


def test_judges_repeat_themselves() -> None:
    """The same tables and seed give the same figure."""
    assert detection_auc(REAL, FRESH, SCHEMA, seed=4) == detection_auc(REAL, FRESH, SCHEMA, seed=4)


def test_usefulness_of_good_and_of_bad_synthetic_rows() -> None:
    """A fresh real sample teaches as much as the real one; independent columns teach next to nothing."""
    good, bad = (usefulness(REAL, TEST, table, SCHEMA) for table in (FRESH, shuffled(FRESH)))
    assert good is not None
    assert bad is not None
    assert (good.metric, good.target, good.baseline) == ("ROC AUC", "class", 0.5)
    assert good.from_synthetic > good.from_real - 0.02
    assert bad.from_synthetic < 0.8


@pytest.mark.parametrize(
    ("target", "metric"), [("city", "accuracy"), ("income", "R2"), ("member", "ROC AUC")]
)
def test_every_kind_of_target_has_a_metric(target: str, metric: str) -> None:
    """Several classes, a number with missing cells, a boolean."""
    found = usefulness(REAL, TEST, FRESH, detect_schema(REAL, target=target))
    assert found is not None
    assert found.metric == metric
    assert found.from_real <= 1


def without_judgement() -> list[tuple[pa.Table, Schema]]:
    """Return synthetic tables and schemas that leave nothing to learn or to test."""
    same = REAL.set_column(REAL.schema.get_field_index("class"), "class", pa.array([0] * 600))
    return [
        (FRESH, detect_schema(REAL)),
        (FRESH.slice(0, 5), SCHEMA),
        (FRESH.select(["class"]), SCHEMA),
        (same, detect_schema(same, target="class")),
    ]


def test_no_judgement_without_grounds() -> None:
    """No target, too few rows, no other column: no figure rather than a made-up one."""
    for synthetic, schema in without_judgement()[:3]:
        assert usefulness(REAL, TEST, synthetic, schema) is None
    same, schema = without_judgement()[3]
    assert usefulness(same, same, FRESH, schema) is None
    assert detection_auc(REAL.slice(0, 5), FRESH, SCHEMA) is None
    assert detection_auc(REAL.select(["note"]), FRESH.select(["note"]), SCHEMA) is None


def test_synthetic_rows_of_one_class_teach_nothing() -> None:
    """They score as chance does, instead of failing."""
    one_class = FRESH.filter(pa.compute.equal(FRESH["class"], 0))
    found = usefulness(REAL, TEST, one_class, SCHEMA)
    assert found is not None
    assert found.from_synthetic == 0.5
    city = detect_schema(REAL, target="city")
    one_city = FRESH.filter(pa.compute.equal(FRESH["city"], "Bern"))
    found = usefulness(REAL, TEST, one_city, city)
    assert found is not None
    assert found.from_synthetic < found.from_real


def test_arrays_are_features_too() -> None:
    """An array is as many columns as it has elements, thinned out where there are many; missing is NaN."""
    columns = features(SCHEMA, REAL)
    assert columns[-1].name == "image"
    matrix, other = matrices(columns, REAL, REAL, TEST)
    assert matrix.shape == (600, 8 + 16)
    assert other.shape == (400, 8 + 16)
    assert len(categorical(columns, REAL)) == 24
    large = pa.table(
        {"image": pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((3, 40, 40), np.float32))}
    )
    wide = detect_schema(large)
    assert matrices(features(wide, large), large, large)[0].shape == (3, MAX_ELEMENTS)
    lists = pa.table({"series": pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2))})
    series = detect_schema(lists)
    found = matrices(features(series, lists), lists, lists)[0]
    assert found[0].tolist() == [1.0, 2.0]
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("width", [1, 2, 7])
def test_projections_keep_the_most_variance(width: int) -> None:
    """Two orthonormal axes, the first with the most variance, the same for the same points."""
    random = np.random.default_rng(0)
    points = random.normal(size=(200, width)) * np.arange(1, width + 1)
    found = project(points)
    assert found.explained[0] >= found.explained[1] >= 0
    assert found.explained.sum() <= 1 + 1e-9
    kept = min(2, width)
    assert found.axes[:, :kept].T @ found.axes[:, :kept] == pytest.approx(np.eye(kept))
    assert found(points).mean(axis=0) == pytest.approx(np.zeros(2), abs=1e-9)
    assert np.array_equal(project(points).axes, found.axes)
