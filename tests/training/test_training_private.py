"""Bundles trained with differential privacy: what they say, what they hide, and what is refused."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from torch import nn

from augment.bundle import open_bundle
from augment.bundle.golden import golden_from_bytes
from augment.data import Codec, detect_schema
from augment.errors import RequestError, SchemaError
from augment.runtime import Model
from augment.training import TrainConfig, Watcher, build_bundle, override
from augment.training.in_memory import fit_engine
from augment.training.privacy import Mechanism, epsilon_of, plan_mechanism, private_settings, spent
from augment.training.sizing import Length, schedule_for
from augment_server.descriptions import describe
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from augment.bundle import Bundle, Manifest
    from augment.training import Progress

COLUMNS = ["age", "income", "city", "class"]
SMALL: dict[str, Any] = {
    "device": "cpu",
    "max_steps": 24,
    "vae": {"hidden": 16, "layers": 1},
    "maker": {"hidden": 16},
    "denoiser": {"hidden": 16, "layers": 1},
}
PRIVATE = TrainConfig.model_validate(SMALL | {"privacy": {"epsilon": 4.0}})


def table(rows: int = 200) -> pa.Table:
    """Return records without arrays, so that all models are trained."""
    return every_kind(rows).select(COLUMNS)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A private bundle of a VAE and a denoiser."""
    out = tmp_path_factory.mktemp("private") / "models"
    schema = detect_schema(table(), target="class")
    config = override(PRIVATE, {"models": ["vae", "imputer"]})
    return open_bundle(build_bundle(table(), schema, config, name="x", out=out))


def test_the_bundle_spends_what_was_allowed(bundle: Bundle) -> None:
    """All models' steps together come to nearly the epsilon asked for and never to more."""
    privacy = bundle.manifest.privacy
    assert privacy is not None
    assert 3.9 < privacy.epsilon <= 4
    assert privacy.delta == pytest.approx(200**-1.1)
    reports = bundle.manifest.training.models.values()
    assert len(reports) == 2
    assert privacy.steps == sum(report.steps for report in reports)
    history = [(privacy.noise_multiplier, privacy.sample_rate, report.steps) for report in reports]
    assert epsilon_of(history, privacy.delta) == privacy.epsilon


def test_get_model_tells_it(bundle: Bundle) -> None:
    """The server and `augment info` show epsilon and delta among the figures."""
    privacy = bundle.manifest.privacy
    assert privacy is not None
    told = dict(describe(Model.open(bundle.path)).figures)
    assert told == {"privacy.epsilon": privacy.epsilon, "privacy.delta": privacy.delta}


def test_figures_about_records_are_not_in_it(bundle: Bundle) -> None:
    """Losses, quantiles of scores and the hash of the data were made from records without noise."""
    manifest = bundle.manifest
    assert (manifest.quality, manifest.score_quantiles, manifest.data_sha256) == ({}, None, None)
    for report in manifest.training.models.values():
        assert (report.train_loss, report.heldout_loss) == (None, None)
        assert report.stopped == "epochs"


def test_golden_cases_hold_no_record(bundle: Bundle) -> None:
    """Inputs that graphs were tried with are in the bundle: they are made of the encoding tables alone."""
    codec = Codec(bundle.manifest.record_schema, bundle.manifest.encoding)
    encoded, _ = codec.encode(table())
    real = {row.tobytes() for row in encoded.residuals}
    shown = 0
    for case in golden_from_bytes((bundle.path / "golden.arrow").read_bytes()):
        for row in case.inputs.get("residuals", np.zeros((0, 1), np.float32)):
            assert np.asarray(row).tobytes() not in real
            shown += np.asarray(row).shape == encoded.residuals[0].shape
    assert shown > 0


def test_the_prior_is_the_standard_normal(bundle: Bundle) -> None:
    """A mixture fitted to records' latent vectors would not be private; the settings say what was done."""
    settings = json.loads((bundle.path / "manifest.json").read_bytes())["training"]["config"]
    assert settings["vae"]["prior"] == "normal"
    assert settings["privacy"]["epsilon"] == 4


def test_a_bundle_without_privacy_says_nothing_of_it(tiny_bundle: Path) -> None:
    """Its manifest is as it was before there was any."""
    assert "privacy" not in json.loads((tiny_bundle / "manifest.json").read_bytes())


def test_heldout_rows_have_no_say() -> None:
    """The last weights are kept, and every epoch is done, whatever held-out rows say."""

    class Worse(Watcher):
        epochs: list[Progress]

        def __init__(self) -> None:
            self.epochs = []

        def on_epoch(self, progress: Progress) -> None:
            self.epochs.append(progress)

    config = override(PRIVATE, {"models": ["maker"], "patience": 1, "max_steps": 60})
    watcher = Worse()
    fit_engine(table(), detect_schema(table(), target="class"), config, watcher)
    assert watcher.epochs[-1].step == watcher.epochs[-1].steps


@pytest.mark.parametrize("epsilon", [0.5, 3.0, pytest.param(50.0, marks=pytest.mark.slow)])
def test_noise_is_the_least_that_keeps_the_promise(epsilon: float) -> None:
    """A hundredth less would break it; more models need more of it; Opacus finds the same for one."""
    from opacus.accountants.utils import get_noise_multiplier  # noqa: PLC0415 - slow to import

    config = private_settings(override(PRIVATE, {"privacy": {"epsilon": epsilon}}), 1000)
    one, three = (plan_mechanism(config, models, 1000) for models in (1, 3))
    assert one is not None
    assert three is not None
    assert three.noise_multiplier > one.noise_multiplier
    delta = 1000**-1.1
    steps = schedule_for(config, nn.Identity(), 1000, Length()).steps
    assert epsilon_of([(three.noise_multiplier, three.sample_rate, 3 * steps)], delta) <= epsilon
    assert epsilon_of([(0.99 * three.noise_multiplier, three.sample_rate, 3 * steps)], delta) > epsilon
    theirs = get_noise_multiplier(
        target_epsilon=epsilon, target_delta=delta, sample_rate=one.sample_rate, steps=steps, accountant="rdp"
    )
    assert one.noise_multiplier == pytest.approx(theirs, rel=0.02)


def test_what_was_stopped_spent_less() -> None:
    """The epsilon told is that of the steps that were done."""
    mechanism = Mechanism(1.0, 0.1, 1.0)
    half, whole = (spent(PRIVATE, 200, [(mechanism, steps)]) for steps in (10, 20))
    assert half is not None
    assert whole is not None
    assert half.epsilon < whole.epsilon


@pytest.mark.slow
def test_a_stopped_run_goes_on_and_spends_the_rest(tmp_path: Path) -> None:
    """Stopped after five steps it tells less; the same again does the steps that are left."""

    class Stop(Watcher):
        asked = 0

        def wants_stop(self) -> bool:
            self.asked += 1
            return self.asked > 5

    config = override(PRIVATE, {"models": ["imputer"]})
    schema = detect_schema(table(), target="class")

    def made(watcher: Watcher) -> Manifest:
        path = build_bundle(
            table(),
            schema,
            config,
            name="x",
            out=tmp_path / "models",
            run_dir=tmp_path / "run",
            watcher=watcher,
        )
        return open_bundle(path).manifest

    stopped, whole = made(Stop()), made(Watcher())
    assert stopped.privacy is not None
    assert whole.privacy is not None
    assert (stopped.privacy.steps, stopped.training.models["denoiser"].stopped) == (5, "interrupted")
    assert whole.privacy.steps > stopped.privacy.steps
    assert stopped.privacy.epsilon < whole.privacy.epsilon <= 4
    assert whole.privacy.noise_multiplier == stopped.privacy.noise_multiplier


def test_settings_said_twice_are_as_said_once() -> None:
    """The manifest's settings choose the same again."""
    once = private_settings(PRIVATE, 200)
    assert private_settings(once, 200) == once
    assert private_settings(TrainConfig(), 200) == TrainConfig()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"privacy": {"epsilon": 0}}, "privacy.epsilon"),
        ({"privacy": {"epsilon": -1}}, "privacy.epsilon"),
        ({"privacy": {"epsilon": float("nan")}}, "privacy.epsilon"),
        ({"privacy": {"epsilon": 1, "delta": 0}}, "privacy.delta"),
        ({"privacy": {"epsilon": 1, "max_grad_norm": 0}}, "privacy.max_grad_norm"),
        ({"privacy": {"epsilon": 1}, "models": ["autoencoder"]}, "models"),
    ],
)
def test_settings_that_promise_nothing_are_refused(changes: dict[str, object], field: str) -> None:
    """Before anything is read."""
    with pytest.raises(RequestError) as caught:
        override(TrainConfig(), changes)
    assert caught.value.violations[0].field == field


def test_a_delta_of_one_in_the_rows_is_refused() -> None:
    """With it, publishing one whole record at random would be private."""
    config = override(PRIVATE, {"privacy": {"epsilon": 1, "delta": 0.005}})
    with pytest.raises(RequestError, match="1 / rows"):
        fit_engine(table(), detect_schema(table()), config)


def test_few_rows_are_refused() -> None:
    """Of 99 records noise leaves nothing."""
    with pytest.raises(SchemaError, match="at least 100"):
        fit_engine(table(99), detect_schema(table(99)), PRIVATE)


def test_going_on_from_a_bundle_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    """What its weights have spent would not be counted."""
    schema = detect_schema(table(), target="class")
    with pytest.raises(RequestError, match="from must be left out"):
        build_bundle(table(), schema, PRIVATE, name="y", out=tmp_path, start=bundle.path)
    assert not list(tmp_path.iterdir())


def test_records_that_count_more_than_once_are_refused() -> None:
    """The accountant counts each record once."""
    schema, twice = detect_schema(table(), target="class"), np.full(200, 2)
    with pytest.raises(RequestError, match="repeats"):
        fit_engine(table(), schema, PRIVATE, repeats=twice)


def test_without_opacus_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before training, and with nothing published."""
    monkeypatch.setitem(sys.modules, "opacus.accountants", None)
    schema = detect_schema(table(), target="class")
    with pytest.raises(ModuleNotFoundError, match="opacus"):
        build_bundle(table(), schema, PRIVATE, name="y", out=tmp_path / "models", run_dir=tmp_path / "run")
    assert not list(tmp_path.iterdir())
