"""Classifiers and regressors on a pretrained encoder, from few labels to a served bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from augment.errors import RecordsError, RequestError, UnsupportedError
from augment.estimators import PretrainedClassifier, PretrainedRegressor
from augment.runtime import Model
from augment_client import Client
from tests.cli.running import augment
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 300


def records(rows: int = ROWS) -> tuple[pd.DataFrame, np.ndarray]:
    """Return mixed columns that hang on two groups, and the groups as text."""
    random = np.random.default_rng(0)
    group = random.integers(0, 2, rows)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=rows) + 2 * group,
            "weight": np.exp(random.normal(size=rows) + group),
            "town": np.where(random.random(rows) < 0.2, "Ulm", np.where(group == 1, "Bonn", "Kiel")),
            "open": random.random(rows) < 0.3 + 0.4 * group,
        }
    )
    frame.loc[::9, "size"] = np.nan
    frame.loc[::11, "town"] = None
    return frame, np.where(group == 1, "yes", "no")


def few(labels: np.ndarray, every: int = 6) -> np.ndarray:
    """Return labels of which most are missing."""
    known = labels.astype(object)
    known[np.arange(len(labels)) % every != 0] = None
    return known


def classifier(**changes: Any) -> PretrainedClassifier:
    """Return a classifier that trains for an instant."""
    settings: dict[str, Any] = {"hidden": (32,), "max_steps": 100, "head_steps": 200, "random_state": 0}
    return PretrainedClassifier(**settings | changes)


@pytest.fixture(scope="module")
def fitted() -> PretrainedClassifier:
    """A classifier fitted to 50 labels among 300 rows."""
    frame, labels = records()
    return classifier().fit(frame, few(labels))


@pytest.fixture(scope="module")
def models(fitted: PretrainedClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle, in a directory of bundles."""
    root = tmp_path_factory.mktemp("models")
    fitted.to_bundle(root / "groups", target="group")
    return root


def test_few_labels_among_many_rows_suffice(fitted: PretrainedClassifier) -> None:
    """Rows without a label are told apart by what labelled ones taught; probabilities sum to 1."""
    frame, labels = records()
    assert fitted.classes_.tolist() == ["no", "yes"]
    probabilities = fitted.predict_proba(frame)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert roc_auc_score(labels == "yes", probabilities[:, 1]) > 0.85
    assert fitted.learnt_.rows == ROWS


def test_frozen_means_frozen_and_tuned_means_tuned(fitted: PretrainedClassifier) -> None:
    """The head sees the encoder's own weights, which change only where that is asked for."""
    frame, labels = records()
    tuned = classifier(fine_tune=True).fit(frame, few(labels))
    for own, same in ((fitted, True), (tuned, False)):
        model = own.learnt_.trained["autoencoder"].model
        pretrained = model.get_parameter("encoder.0.weight")
        used = own.head_.get_parameter("representation.layers.0.weight")
        assert bool((pretrained == used).all()) is same


def test_what_has_no_label_is_told_by_value_too() -> None:
    """NaN, None and a value of choice say the same; further rows may come beside."""
    frame, labels = records()
    codes = np.where(few(labels) == None, -1, labels == "yes").astype(int)  # noqa: E711 - elementwise
    own = classifier(unlabeled=-1).fit(frame, codes)
    assert own.classes_.tolist() == [0, 1]
    other = classifier().fit(frame, np.where(codes < 0, np.nan, codes))
    np.testing.assert_array_equal(own.predict_proba(frame), other.predict_proba(frame))
    known = codes >= 0
    beside = classifier().fit(frame[known], codes[known], unlabelled=frame[~known])
    assert beside.learnt_.rows == ROWS
    assert roc_auc_score(labels == "yes", beside.predict_proba(frame)[:, 1]) > 0.85


def test_the_server_predicts_as_the_estimator_does(fitted: PretrainedClassifier, models: Path) -> None:
    """Class and probabilities, by name, from bundle and server alike; `GetModel` says that it can."""
    frame, _ = records()
    wanted = fitted.predict_proba(frame)
    with threaded_server(models) as server, Client(server.target) as client:
        assert "predict" in client.model("groups").operations
        made = client.predict("groups", frame)
    assert (made.target, made.classes) == ("group", ("no", "yes"))
    assert made.predictions.column_names == ["prediction", "probability_no", "probability_yes"]
    np.testing.assert_allclose(made.predictions["probability_yes"].to_numpy(), wanted[:, 1], atol=1e-4)
    assert made.predictions["prediction"].to_pylist() == fitted.predict(frame).tolist()
    local = Model.open(models / "groups" / "1").predict(pa.Table.from_pandas(frame))
    assert local.predictions.equals(made.predictions)


def test_the_command_line_predicts_and_scores(models: Path, tmp_path: Path) -> None:
    """With and without a server the same bytes; percentiles lie where the held-out rows lie."""
    frame, _ = records()
    frame.to_parquet(tmp_path / "in.parquet")
    with threaded_server(models) as server:
        for command in ("predict", "score"):
            for place in (("--models", str(models)), ("--server", server.target)):
                out = tmp_path / f"{command}{place[0]}.parquet"
                told = augment(command, "groups", str(tmp_path / "in.parquet"), "--out", str(out), *place)
                assert told.code == 0, told
            one, other = (tmp_path / f"{command}{place}.parquet" for place in ("--models", "--server"))
            assert one.read_bytes() == other.read_bytes()
    scores = pq.read_table(tmp_path / "score--models.parquet")
    assert scores.column_names == ["score", "percentile"]
    percentile = scores["percentile"].to_numpy()
    assert 0 <= percentile.min() < 20
    assert 80 < percentile.max() <= 100
    order = np.argsort(scores["score"].to_numpy(), kind="stable")
    assert (np.diff(percentile[order]) >= 0).all()


@pytest.mark.parametrize("target", ["size", "", " "])
def test_the_target_has_a_name_of_its_own(fitted: PretrainedClassifier, target: str, tmp_path: Path) -> None:
    """What is predicted is no feature, and is called something."""
    with pytest.raises(RequestError, match="target must"):
        fitted.to_bundle(tmp_path / "groups", target=target)
    assert not (tmp_path / "groups").exists()


@pytest.mark.parametrize(
    "head", [LogisticRegression(), pytest.param(MLPClassifier((8,), max_iter=30), marks=pytest.mark.slow)]
)
def test_heads_of_scikit_learn_go_into_the_graph(head: Any, tmp_path: Path) -> None:
    """Linear models and MLPs are exported, and compute the same."""
    frame, labels = records()
    own = classifier(head=head).fit(frame, few(labels))
    model = Model.open(own.to_bundle(tmp_path / "groups"))
    made = model.predict(pa.Table.from_pandas(frame)).predictions
    np.testing.assert_allclose(made["probability_yes"].to_numpy(), own.predict_proba(frame)[:, 1], atol=1e-3)


def test_a_head_that_no_graph_can_hold_predicts_but_is_not_exported(tmp_path: Path) -> None:
    """A forest works in Python; the bundle says why it cannot have it, and what it can."""
    frame, labels = records()
    own = classifier(head=RandomForestClassifier(10, random_state=0)).fit(frame, few(labels))
    assert set(own.predict(frame)) == {"no", "yes"}
    with pytest.raises(UnsupportedError, match=r"got RandomForestClassifier: .*Use head=None"):
        own.to_bundle(tmp_path / "groups")
    assert not (tmp_path / "groups").exists()


@pytest.mark.parametrize("head", [None, pytest.param(Ridge(), marks=pytest.mark.slow)])
def test_numbers_are_predicted(head: Any, tmp_path: Path) -> None:
    """From a part of the values, in their own unit, and by the bundle alike."""
    frame, labels = records()
    value = 100 + 10 * (labels == "yes") + np.random.default_rng(1).normal(size=ROWS)
    target = np.where(np.arange(ROWS) % 4 == 0, value, np.nan)
    own = PretrainedRegressor(head, hidden=(32,), max_steps=100, head_steps=300, random_state=0)
    own.fit(frame, target)
    assert own.score(frame, value) > 0.3
    model = Model.open(own.to_bundle(tmp_path / "value", target="euros"))
    made = model.predict(pa.Table.from_pandas(frame))
    assert (made.target, made.classes) == ("euros", ())
    np.testing.assert_allclose(made.predictions["prediction"].to_numpy(), own.predict(frame), atol=1e-2)


def _with_gaps() -> list[Any]:
    known = pd.Series(np.arange(60) % 3 > 0)
    flags = pd.Series(np.arange(60) % 2 == 0)
    holes = flags.where(known)
    listed = [None if pd.isna(each) else bool(each) for each in holes]
    whole = flags.astype(int)
    return [
        pytest.param(holes, [False, True], id="objects"),
        pytest.param(holes.astype("boolean"), [False, True], id="boolean"),
        pytest.param(listed, [False, True], id="list"),
        pytest.param(whole.where(known), [0, 1], id="floats"),
        pytest.param(whole.where(known).astype("Int64"), [0, 1], id="Int64"),
        pytest.param(whole.where(known).astype(object), [0, 1], id="floats as objects"),
        pytest.param(
            pd.Series(np.where(flags, "a", "b")).where(known).astype("category"), ["a", "b"], id="cat"
        ),
    ]


@pytest.mark.parametrize(("labels", "classes"), _with_gaps())
def test_gaps_do_not_change_what_the_classes_are(labels: Any, classes: list[Any]) -> None:
    """Booleans stay booleans and whole numbers whole, however pandas keeps them beside missing ones."""
    frame, _ = records(60)
    own = classifier(max_steps=2, head_steps=2).fit(frame, labels)
    assert own.classes_.tolist() == classes
    assert [type(each) for each in own.classes_.tolist()] == [type(each) for each in classes]
    assert set(own._prediction("it").classes) == {str(each).lower() for each in classes}
    assert own.score(frame.iloc[1:3], own.predict(frame.iloc[1:3])) == 1


def test_a_grid_search_has_the_unlabelled_rows_beside() -> None:
    """Folds are of labelled rows; each learns all others too."""
    frame, labels = records(60)
    known = np.arange(60) % 3 == 0
    search = GridSearchCV(classifier(max_steps=2, head_steps=2), {"swap": [0.1]}, cv=2, error_score="raise")
    search.fit(frame[known], labels[known], unlabelled=frame[~known])
    assert search.best_estimator_.learnt_.rows == 60


def test_what_does_not_fit_is_refused() -> None:
    """No label at all, one class, an encoder tuned under a head that has no gradient."""
    frame, labels = records()
    with pytest.raises(RecordsError, match=r"2 classes or more.*got 'only yes'"):
        classifier().fit(frame, pd.Series(labels).where(labels == "yes"))
    with pytest.raises(RecordsError, match=r"must have a label at least.*None, NA and unlabeled=-1 say"):
        classifier(unlabeled=-1).fit(frame, np.full(ROWS, -1))
    with pytest.raises(RecordsError, match=r"must have a label at least.*300 rows.*NaN, None and NA say"):
        PretrainedRegressor().fit(frame, np.full(ROWS, np.nan))
    with pytest.raises(RecordsError, match="fine_tune must be False"):
        classifier(head=LogisticRegression(), fine_tune=True).fit(frame, labels)
    assert clone(classifier(swap=0.5)).swap == 0.5
