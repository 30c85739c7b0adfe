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

from augment.errors import RecordsError, RequestError, SchemaError
from augment.estimators import (
    AutoencoderSampler,
    AutoencoderTransformer,
    DenoisingImputer,
    PretrainedRegressor,
)
from augment.runtime import Model
from augment.training import TrainConfig
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


def test_names_that_are_no_text_come_back() -> None:
    """Numbers as names stay numbers, in what is decoded, filled, and drawn anew."""
    frame = mixed(60).set_axis(range(3, 3 + mixed().shape[1]), axis=1)
    own = transformer().fit(frame)
    assert own.inverse_transform(own.transform(frame)).columns.tolist() == frame.columns.tolist()
    assert DenoisingImputer(max_steps=5).fit_transform(frame).columns.tolist() == frame.columns.tolist()
    drawn, _ = AutoencoderSampler(random_state=0, config=TrainConfig(max_steps=5)).fit_resample(
        frame, labels(60)
    )
    assert drawn.columns.tolist() == frame.columns.tolist()


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


def test_what_training_never_had_is_odd(fitted: AutoencoderTransformer) -> None:
    """A number scores lower the farther it is out, an unseen category lower than a missing one."""
    frame, size = mixed(120).iloc[:4], mixed(120)["size"]
    told = [fitted.score_samples(frame.assign(size=size.max() + far)) for far in (0, 1, 10, 1e6)]
    assert (np.diff(told, axis=0) < 0).all()
    np.testing.assert_allclose(told[0] - told[2], 10 / size.std(ddof=0), rtol=1e-3)
    missing, unseen = (fitted.score_samples(frame.assign(town=town)) for town in (None, "Rom"))
    np.testing.assert_allclose(missing - unseen, np.log(121), rtol=1e-4)


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
    odd = mixed(120).assign(town="Rom", size=np.linspace(-1e4, 1e4, 120))
    told = model.score(fitted._table.table(odd)).scores["score"].to_numpy()
    np.testing.assert_allclose(told, -fitted.score_samples(odd), rtol=1e-4)
    wanted = fitted.transform(mixed(120))
    np.testing.assert_allclose(np.stack([c.to_numpy() for c in latent.columns], 1), wanted, atol=1e-4)


def test_settings_of_the_configuration_hold() -> None:
    """What the estimator has no parameter for comes from `config`; what it has one for is not told twice."""
    features = np.random.default_rng(0).normal(size=(40, 4))
    config = TrainConfig.model_validate({"autoencoder": {"dropout": 0.5, "learning_rate": 0.01}})
    own = transformer(config=config).fit(features)
    told = own.learnt_.config.autoencoder
    assert (told.dropout, told.learning_rate, told.latent_dim) == (0.5, 0.01, 3)
    assert (own.transform(features) != transformer().fit_transform(features)).any()
    pretrained = PretrainedRegressor(max_steps=2, head_steps=2, config=config).fit(features, features[:, 0])
    assert pretrained.learnt_.config.autoencoder.dropout == 0.5
    spoilt = TrainConfig.model_validate({"autoencoder": {"mask": 0.3, "latent_dim": 3}})
    with pytest.raises(RequestError, match=r"config\.autoencoder\.mask must be left to the estimator's mask"):
        transformer(config=spoilt).fit(features)
    transformer(config=spoilt, mask=0.3).fit(features)


def test_rows_that_cannot_be_arrays_are_refused() -> None:
    """A shape for a DataFrame, a shape of another size, a missing pixel: each names `as_array`."""
    pixels = load_digits().data[:60]
    with pytest.raises(RequestError, match="as_array must be None or False for a DataFrame"):
        transformer(as_array=(8, 8)).fit(pd.DataFrame(pixels))
    for shape in ((9, 9), (-8, -8), ()):
        with pytest.raises(RequestError, match=r"as_array must be a shape of .* columns, 64"):
            transformer(as_array=shape).fit(pixels)
    own = transformer(max_steps=2).fit(pixels)
    pixels[3, 5] = np.nan
    for failing in (own.transform, transformer(as_array=True).fit):
        with pytest.raises(RecordsError, match=r"X\[3, 5\] must be there.*fit with as_array=False"):
            failing(pixels)


def test_nothing_to_learn_is_refused() -> None:
    """No columns, or none but free text."""
    with pytest.raises(SchemaError, match="columns must have one that can be learnt"):
        transformer().fit(mixed()[["note"]])
    for frame in (pd.DataFrame(), pd.DataFrame(index=range(9))):
        with pytest.raises(SchemaError, match="columns must be at least 1, got 0"):
            transformer().fit(frame)


def test_what_does_not_fit_is_refused() -> None:
    """Columns of one name, vectors of another width, a path without a name."""
    with pytest.raises(ValueError, match="unique column names"):
        transformer().fit(pd.DataFrame(np.zeros((8, 2)), columns=["twice", "twice"]))
    own = transformer(n_components=1).fit(np.random.default_rng(0).normal(size=(9, 2)))
    with pytest.raises(RequestError, match="must have 1 columns, got 2"):
        own.inverse_transform(np.zeros((1, 2)))
    with pytest.raises(RequestError, match="must end in the model's name"):
        own.to_bundle("/")
