"""What the imputer fills, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from augment.estimators import DenoisingImputer
from augment.runtime import Model
from augment.training import DenoiserConfig, TrainConfig
from tests.estimators.test_estimators_sampler import mixed

if TYPE_CHECKING:
    from pathlib import Path


def imputer(**changes: Any) -> DenoisingImputer:
    """Return an imputer that trains for an instant."""
    config = TrainConfig(denoiser=DenoiserConfig(hidden=32, layers=2))
    settings: dict[str, Any] = {"max_steps": 20, "random_state": 0, "config": config}
    return DenoisingImputer(**settings | changes)


def test_gaps_are_filled_and_nothing_else_changes() -> None:
    """Every type comes back as it was, cells that were there to the bit."""
    frame = mixed(90)
    filled = imputer().fit_transform(frame)
    assert not filled.drop(columns="note").isna().any().any()
    assert filled.dtypes.tolist() == frame.dtypes.tolist()
    assert filled.index.equals(frame.index)
    for name in frame:
        there = frame[name].notna()
        pd.testing.assert_series_equal(filled[name][there], frame[name][there])


def test_what_depends_on_the_rest_is_filled_from_the_rest() -> None:
    """A number that another one tells is closer to the truth than the mean, on rows never seen too."""
    random = np.random.default_rng(0)
    first = random.normal(size=600)
    whole = np.stack([first, first + 0.2 * random.normal(size=600)], axis=1)
    holes = whole.copy()
    holes[::3, 1] = np.nan
    own = imputer(max_steps=400).fit(holes[:400])
    filled = own.transform(holes[400:])
    gone = np.isnan(holes[400:, 1])
    np.testing.assert_array_equal(filled[~gone], holes[400:][~gone])
    error = np.square(filled[gone, 1] - whole[400:][gone, 1]).mean()
    assert error < 0.5 * np.var(whole[:, 1])


def test_it_works_in_a_pipeline_and_is_published(tmp_path: Path) -> None:
    """Feature names pass through; the bundle fills gaps alone."""
    frame = mixed(60)[["size", "count"]]
    pipeline = make_pipeline(imputer(), StandardScaler()).fit(frame)
    assert pipeline[:1].get_feature_names_out().tolist() == ["size", "count"]
    assert np.isfinite(pipeline.transform(frame)).all()
    assert Model.open(pipeline[0].to_bundle(tmp_path / "gaps")).operations == ("denoise",)


def test_values_never_seen_stay_and_gaps_get_categories_they_lack() -> None:
    """An unknown town is no gap; a frame whose categories are other ones still gets no gap filled by NaN."""
    towns = np.array(["Ulm", "Bonn"] * 40, dtype=object)
    frame = pd.DataFrame({"town": towns, "kind": pd.Categorical(towns), "size": np.tile([1.5, -0.5], 40)})
    own = imputer().fit(frame)
    kinds = pd.Categorical(["Rom", None, "Rom"], ["Rom"])
    new = pd.DataFrame({"town": ["Rom", None, "Ulm"], "kind": kinds, "size": [1.5, np.nan, 99.0]})
    filled = own.transform(new)
    assert filled["town"].tolist()[::2] == ["Rom", "Ulm"]
    assert filled["kind"].tolist()[::2] == ["Rom", "Rom"]
    assert filled["size"].tolist()[::2] == [1.5, 99.0]
    assert filled["town"][1] in {"Ulm", "Bonn"}
    assert filled["kind"][1] in {"Ulm", "Bonn"}
    assert isinstance(filled["kind"].dtype, pd.CategoricalDtype)
    repaired = own.set_params(threshold=0.5).transform(new)
    assert "Rom" not in {*repaired["town"], *repaired["kind"]}


def test_cells_of_matrices_that_are_there_stay() -> None:
    """A code that training never saw is no gap either."""
    codes = np.tile([[0.0, 1.0], [1.0, 0.0]], (40, 1))
    filled = imputer().fit(codes).transform(np.array([[7.0, np.nan], [0.0, 1.0]]))
    assert filled[0, 0] == 7
    assert np.isfinite(filled).all()
