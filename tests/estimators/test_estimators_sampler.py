"""What a sampler gives back: the rows given, and new ones of the classes that lack rows."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import OneHotEncoder

from augment.errors import SchemaError
from augment.estimators import AutoencoderSampler
from augment.runtime import Model
from augment.training import TrainConfig
from augment.training.config import MakerConfig

if TYPE_CHECKING:
    from pathlib import Path

ROWS, RARE = 60, 9
SHORT = TrainConfig(models=("maker",), max_steps=6, block_rows=64, maker=MakerConfig(hidden=16))


def sampler(**changes: Any) -> AutoencoderSampler:
    """Return a sampler that trains for an instant."""
    settings: dict[str, Any] = {"random_state": 0, "config": SHORT}
    return AutoencoderSampler(**settings | changes)


def mixed(rows: int = ROWS) -> pd.DataFrame:
    """Return features of every type, some of them missing."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=rows),
            "count": random.integers(0, 9, rows),
            "small": random.integers(0, 99, rows).astype(np.int8),
            "maybe": pd.array(random.integers(0, 9, rows), dtype="Int64"),
            "colour": pd.Categorical(random.choice(["red", "blue"], rows), ["blue", "green", "red"]),
            "grade": pd.Categorical(random.choice(["b", "a"], rows), ["b", "a"], ordered=True),
            "town": random.choice(["Ulm", "Bonn", "Kiel"], rows),
            "open": random.random(rows) < 0.5,
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 99, rows), "D"),
            "note": [f"a long remark, number {row}, that nobody else has made so far" for row in range(rows)],
        },
        index=np.arange(rows) + 500,
    )
    for place, name in enumerate(("size", "maybe", "colour", "town", "since")):
        frame.loc[frame.index[place::7], name] = None
    return frame


def labels(rows: int = ROWS, rare: int = RARE) -> np.ndarray:
    """Return `rare` rows of "yes" among others of "no"."""
    return np.where(np.arange(rows) % (rows // rare) == 0, "yes", "no")[:rows]


@pytest.fixture(scope="module")
def resampled() -> tuple[AutoencoderSampler, pd.DataFrame, np.ndarray]:
    """A sampler that has sampled the mixed features, and what came of it."""
    own = sampler()
    return (own, *own.fit_resample(mixed(), labels()))


def test_the_rows_given_come_first_and_unchanged(resampled: Any) -> None:
    """What was given is given back, types included; what is new is told by the mask."""
    own, features, target = resampled
    pd.testing.assert_frame_equal(features[:ROWS], mixed().reset_index(drop=True))
    assert target[:ROWS].tolist() == labels().tolist()
    assert own.synthetic_mask_.tolist() == [False] * ROWS + [True] * (len(features) - ROWS)
    assert set(target[own.synthetic_mask_]) == {"yes"}
    assert len(set(Counter(target).values())) == 1


def test_new_rows_are_made_from_real_ones_of_their_class(resampled: Any) -> None:
    """`sample_indices_` names a row of the same class; free text is that row's; parents take turns."""
    own, features, target = resampled
    parents = own.sample_indices_
    assert (labels()[parents] == target).all()
    assert features["note"].tolist() == mixed()["note"].iloc[parents].tolist()
    turns = Counter(parents[ROWS:].tolist())
    assert max(turns.values()) - min(turns.values()) <= 1


def test_new_cells_are_values_of_their_columns(resampled: Any) -> None:
    """Categories are known ones, numbers and dates lie in the range seen, cells may be missing."""
    own, features, _ = resampled
    real, made = mixed(), features[own.synthetic_mask_]
    for name in ("colour", "grade", "town", "open"):
        assert set(made[name].dropna()) <= set(real[name].dropna())
    for name in ("size", "count", "small", "maybe", "since"):
        assert made[name].dropna().between(real[name].min(), real[name].max()).all()
    assert made.drop(columns="note").isna().to_numpy().any()
    assert not made[["count", "open"]].isna().to_numpy().any()
    assert len(made["size"].dropna().unique()) > RARE


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series(pd.to_timedelta(np.arange(ROWS), "h")).where(np.arange(ROWS) % 5 > 0),
        pd.Series([Decimal(cents) / 100 for cents in range(ROWS)]),
        pd.Series(pd.date_range("2024", "2025", ROWS, tz="Europe/Berlin")),
        pd.Series(np.arange(ROWS), dtype=np.uint8),
        pd.Series(np.arange(ROWS) / 7, dtype=np.float16),
        pd.Series(np.arange(ROWS) / 7, dtype="Float64"),
        pd.Series(np.arange(ROWS), dtype="int64[pyarrow]"),
        pd.Series([True, None, False] * (ROWS // 3), dtype=object),
        pd.Series([True, None, False] * (ROWS // 3), dtype="boolean"),
        pd.Series([None] * ROWS, dtype=object),
        pd.Series(np.full(ROWS, np.nan)),
        pd.Series(np.ones(ROWS)),
        pd.Series(np.arange(ROWS) % 3, dtype="category"),
    ],
    ids=lambda cells: str(cells.dtype),
)
def test_every_type_of_column_comes_back_in_its_type(cells: pd.Series[Any]) -> None:
    """Rows given are unchanged, rows made are of the same type."""
    given = pd.DataFrame({0: cells, ("any", "name"): np.arange(ROWS) / 3})
    more, _ = sampler().fit_resample(given, labels())
    pd.testing.assert_frame_equal(more[:ROWS], given)
    assert more.dtypes.equals(given.dtypes)


def test_an_integer_seed_repeats_and_another_does_not() -> None:
    """The same `random_state`, the same rows; another, others; the global generator is left alone."""
    before: Any = np.random.get_state()  # noqa: NPY002 - the generator that must not be touched
    first, again, other = (
        sampler(random_state=seed).fit_resample(mixed()[["size", "town"]], labels())[0] for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    after: Any = np.random.get_state()  # noqa: NPY002 - likewise
    assert (after[1] == before[1]).all()


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        ("auto", {0: 30, 1: 30, 2: 30}),
        ("minority", {0: 30, 1: 20, 2: 30}),
        ("not minority", {0: 30, 1: 30, 2: 4}),
        ("all", {0: 30, 1: 30, 2: 30}),
        ({2: 11}, {0: 30, 1: 20, 2: 11}),
        (lambda y: {1: int((y == 1).sum()) + 3}, {0: 30, 1: 23, 2: 4}),
    ],
)
def test_sampling_strategies_are_those_of_imbalanced_learn(strategy: Any, wanted: Any) -> None:
    """Each strategy gives each class the rows that it says."""
    target = np.repeat([0, 1, 2], [30, 20, 4])
    features = np.random.default_rng(0).normal(size=(len(target), 2))
    _, more = sampler(sampling_strategy=strategy).fit_resample(features, target)
    assert Counter(more.tolist()) == wanted


def test_a_ratio_is_reached_and_balanced_classes_get_nothing() -> None:
    """A float is the ratio of rare to frequent rows; where no rows are wanted none are made."""
    features = np.random.default_rng(0).normal(size=(ROWS, 2))
    target = labels() == "yes"
    _, more = sampler(sampling_strategy=0.5).fit_resample(features, target)
    assert more.dtype == bool
    assert more.sum() == int(0.5 * (~target).sum())
    even = np.arange(ROWS) % 2
    own = sampler()
    same, _ = own.fit_resample(features, even)
    assert same.tolist() == features.tolist()
    assert not own.synthetic_mask_.any()


@pytest.mark.parametrize("rare", [1, 2])
def test_one_row_of_a_class_is_enough(rare: int) -> None:
    """A class of one or two rows is brought up to the other's number."""
    target = np.arange(30) < rare
    features = np.random.default_rng(0).normal(size=(30, 3))
    own = sampler()
    more, classes = own.fit_resample(features, target)
    assert classes.sum() == 30 - rare
    assert np.isfinite(more).all()
    assert set(own.sample_indices_[30:].tolist()) == set(range(rare))


def test_rows_and_labels_of_different_numbers_are_an_error() -> None:
    """Said in scikit-learn's words, before anything is learnt."""
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        AutoencoderSampler().fit_resample(pd.DataFrame({"x": range(80)}), np.arange(79) % 2)


def test_one_class_is_an_error() -> None:
    """There is nothing to balance."""
    with pytest.raises(ValueError, match="class"):
        sampler().fit_resample(np.zeros((9, 2)), np.zeros(9))


def test_unfit_features_are_errors_that_name_the_column() -> None:
    """Cells of several types, two columns of one name, an infinite number."""
    target = np.arange(8) < 2
    with pytest.raises(SchemaError, match=r"columns\.odd must have cells of one type"):
        sampler().fit_resample(pd.DataFrame({"odd": [1, "a", {}, 2.0, [], "b", 3, 4]}), target)
    with pytest.raises(SchemaError, match="different names, got 'twice'"):
        sampler().fit_resample(pd.DataFrame(np.zeros((8, 2)), columns=["twice", "twice"]), target)
    with pytest.raises(ValueError, match="inf"):
        sampler().fit_resample(np.full((8, 1), np.inf), target)
    with pytest.raises(ValueError, match="'redraw' parameter"):
        sampler(redraw=0).fit_resample(np.zeros((8, 1)), target)


def test_a_record_can_keep_part_of_its_parent() -> None:
    """With little to redraw most cells are the parent's own; as drawn, numbers need not lie between."""
    features = np.random.default_rng(0).normal(size=(ROWS, 8))
    own = sampler(redraw=0.2, reach=None)
    more, _ = own.fit_resample(features, labels())
    kept = more[ROWS:] == features[own.sample_indices_[ROWS:]]
    assert 0.6 < kept.mean() < 0.9
    assert not kept.all(axis=1).any()


def test_numbers_stay_near_their_parents() -> None:
    """A small reach moves numbers a little, a larger one further, along the same way."""
    features = np.random.default_rng(0).normal(size=(ROWS, 3))
    near, far = (sampler(reach=reach).fit_resample(features, labels())[0] for reach in (0.1, 1.0))
    parents = sampler(reach=0.1)
    parents.fit_resample(features, labels())
    start = features[parents.sample_indices_]
    np.testing.assert_allclose(10 * (near - start), far - start, atol=1e-9)


def test_sparse_features_come_back_sparse() -> None:
    """The same rows as from the dense matrix, in the same format."""
    dense = np.random.default_rng(0).normal(size=(30, 3)) * (np.arange(3) > 0)
    target = np.arange(30) < 5
    more, _ = sampler().fit_resample(sparse.csc_matrix(dense), target)
    assert isinstance(more, sparse.csc_matrix)
    np.testing.assert_array_equal(more.toarray(), sampler().fit_resample(dense, target)[0])


def test_it_works_in_a_pipeline_under_cross_validation() -> None:
    """Inside each fold the training rows alone are augmented; parameters are set from outside."""
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["town", "open"]))
    pipeline = make_pipeline(sampler(), encode, LogisticRegression())
    pipeline.set_params(autoencodersampler__redraw=0.5)
    scores = cross_val_score(clone(pipeline), mixed(), labels(), cv=2, error_score="raise")
    assert scores.shape == (2,)


@pytest.mark.slow
def test_the_denoiser_can_be_published(tmp_path: Path) -> None:
    """What the sampler learnt makes records on a server, of the class asked for; not before fitting."""
    own = sampler()
    with pytest.raises(NotFittedError):
        own.to_bundle(tmp_path / "classes")
    own.fit_resample(np.random.default_rng(0).normal(size=(ROWS, 2)), labels())
    made = Model.open(own.to_bundle(tmp_path / "classes")).generate(5, conditions={"class": ["1"]})
    assert made.column_names == ["class", "0 0", "1 1"]
    assert set(made["class"].to_pylist()) == {"1"}
