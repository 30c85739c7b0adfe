"""Laws of the settings file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from augment.errors import RequestError, TrainingError
from augment.training import TrainConfig, VaeConfig, dump_config, load_config, override
from augment.training.train import choose_device

if TYPE_CHECKING:
    from pathlib import Path


def test_settings_survive_the_file(tmp_path: Path) -> None:
    """What `dump_config` writes `load_config` reads back, defaults and changes alike."""
    for config in (TrainConfig(), TrainConfig(seed=3, epochs=2, models=("vae",), vae=VaeConfig(beta=1.0))):
        path = tmp_path / "config.yaml"
        path.write_text(dump_config(config), encoding="utf-8")
        assert load_config(path) == config


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    """A file without settings leaves everything to the defaults."""
    (tmp_path / "config.yaml").write_text("# nothing yet\n", encoding="utf-8")
    assert load_config(tmp_path / "config.yaml") == TrainConfig()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("epocs: 3", "epocs"),
        ("vae: {beta: -1}", "vae.beta"),
        ("denoiser: {layers: many}", "denoiser.layers"),
        ("seed: .nan", "seed"),
        ("device: tpu", "device"),
        ("models: []", "models"),
        ("- 1", "config"),
        ("vae: {beta: [", "config"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, field: str) -> None:
    """A misspelt name, a value out of range and broken YAML each name field and file."""
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RequestError) as caught:
        load_config(path)
    assert caught.value.violations[0].field == field
    assert caught.value.context == str(path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"models": ["vea"]},
            "models[0] must be one of vae, denoiser, maker, imputer, autoencoder, got 'vea'. Did you mean",
        ),
        ({"device": "gpu9"}, "device must be one of auto, cpu, cuda, got 'gpu9'"),
        (
            {"vae": {"prior": "flw"}},
            "vae.prior must be one of gmm, normal, flow, got 'flw'. Did you mean 'flow'?",
        ),
        ({"epochs": 0}, "epochs must be greater than or equal to 1, got 0"),
        ({"models": ["vae", "autoencoder"]}, "models must not name both vae and autoencoder"),
        (
            {"vae": {"priors": 1}},
            "vae.priors must be the name of a setting, got 'priors'. Did you mean 'prior'? There",
        ),
    ],
)
def test_wrong_settings_say_what_may_be_meant(changes: dict[str, object], told: str) -> None:
    """The setting, the rule with all that may be said, the value, and the nearest."""
    with pytest.raises(RequestError) as caught:
        override(TrainConfig(), changes)
    assert str(caught.value).startswith(told)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is a path that cannot be read."""
    with pytest.raises(RequestError, match="must be a readable YAML file"):
        load_config(tmp_path / "none.yaml")


def test_the_device_is_chosen_by_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` takes a GPU where there is one; asking for one that is not there is an error with advice."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(TrainConfig()).type == "cpu"
    with pytest.raises(TrainingError, match="Use device: auto"):
        choose_device(TrainConfig(device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device(TrainConfig()).type == "cuda"
    assert choose_device(TrainConfig(device="cpu")).type == "cpu"
