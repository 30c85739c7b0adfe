"""What the transformer gives: few numbers for records, and records for numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from augment.errors import RequestError
from augment.estimators import AutoencoderTransformer
from augment.runtime import Model
from tests.estimators.test_estimators_sampler import labels, mixed

if TYPE_CHECKING:
    from pathlib import Path


def transformer(**changes: Any) -> AutoencoderTransformer:
    """Return a transformer that trains for an instant."""
    settings: dict[str, Any] = {"n_components": 3, "max_steps": 20, "random_state": 0}
    return AutoencoderTransformer(**settings | changes)


@pytest.fixture(scope="module")
def fitted() -> AutoencoderTransformer:
    """A transformer of mixed columns."""
    return transformer(max_steps=200).fit(mixed(120))


def test_mixed_columns_go_in_and_come_back(fitted: AutoencoderTransformer) -> None:
    """Latent vectors are finite, and decode to a DataFrame of the features' columns."""
    latent = fitted.transform(mixed(120))
    assert latent.shape == (120, 3)
    assert np.isfinite(latent).all()
    back = fitted.inverse_transform(latent)
    assert list(back.columns) == list(mixed().columns)
    assert fitted.get_feature_names_out().tolist() == [f"autoencodertransformer{i}" for i in range(3)]


def test_it_reconstructs_better_than_pca_of_its_size() -> None:
    """On held-out rows of numbers, in standard deviations, its squared error is smaller."""
    features = load_breast_cancer().data
    scaler = StandardScaler().fit(features[:400])
    train, test = scaler.transform(features[:400]), scaler.transform(features[400:])
    pca = PCA(3).fit(train)
    own = transformer(max_steps=800).fit(train)
    errors = [np.square(one.inverse_transform(one.transform(test)) - test).mean() for one in (own, pca)]
    assert errors[0] < 0.95 * errors[1]


def test_wide_matrices_are_arrays() -> None:
    """Digits are one array of 64 pixels, and come back as matrices; as columns where asked."""
    pixels = load_digits().data[:200]
    own = transformer().fit(pixels)
    assert own.learnt_.codec.layout.array_shapes == ((64,),)
    assert own.inverse_transform(own.transform(pixels)).shape == pixels.shape
    shaped = transformer(as_array=(8, 8)).fit(pixels)
    assert shaped.learnt_.codec.layout.array_shapes == ((8, 8),)
    assert transformer(as_array=False).fit(pixels).learnt_.codec.layout.array_shapes == ()


def test_cells_may_be_missing_that_never_were() -> None:
    """A missing cell counts as one of unknown value, in training or after."""
    features = np.random.default_rng(0).normal(size=(40, 4))
    own = transformer().fit(features)
    features[0, 1] = np.nan
    assert np.isfinite(own.transform(features)).all()


def test_it_works_in_a_pipeline_and_a_grid_search() -> None:
    """Parameters are set from outside, and clones learn the same."""
    pipeline = make_pipeline(transformer(), LogisticRegression())
    grid = GridSearchCV(pipeline, {"autoencodertransformer__n_components": [1, 2]}, cv=2, error_score="raise")
    grid.fit(mixed(), labels())
    assert grid.best_estimator_[0].transform(mixed()).shape[1] in {1, 2}
    first, again = (clone(transformer()).fit_transform(mixed()) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_bundle_gives_the_same_vectors(fitted: AutoencoderTransformer, tmp_path: Path) -> None:
    """What the server hosts encodes as the estimator does."""
    path = fitted.to_bundle(tmp_path / "mixed")
    assert path == tmp_path / "mixed" / "1"
    model = Model.open(path)
    assert set(model.operations) == {"interpolate", "encode", "decode", "reconstruct", "score"}
    latent = model.encode(fitted._table.table(mixed(120))).latent
    wanted = fitted.transform(mixed(120))
    np.testing.assert_allclose(np.stack([c.to_numpy() for c in latent.columns], 1), wanted, atol=1e-4)


def test_what_does_not_fit_is_refused() -> None:
    """Columns of one name, vectors of another width, a path without a name."""
    with pytest.raises(ValueError, match="unique column names"):
        transformer().fit(pd.DataFrame(np.zeros((8, 2)), columns=["twice", "twice"]))
    own = transformer(n_components=1).fit(np.random.default_rng(0).normal(size=(9, 2)))
    with pytest.raises(RequestError, match="must have 1 columns, got 2"):
        own.inverse_transform(np.zeros((1, 2)))
    with pytest.raises(RequestError, match="must end in the model's name"):
        own.to_bundle("/")
