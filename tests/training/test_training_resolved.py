"""Manifests hold settings as given and as used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from augment.bundle import open_bundle
from augment.cli.listing import print_facts
from augment.data import detect_schema
from augment.runtime import Model
from augment.sources.local import LocalSource
from augment.training import TrainConfig, build_bundle, load_config

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TABLE = pa.table({"n": [float(one) for one in range(60)], "c": ["a", "b", "c"] * 20})
CONFIG = TrainConfig.model_validate(
    {"models": ["vae"], "vae": {"layers": 1, "learning_rate": 0.002}, "max_steps": 8}
)


def test_what_was_left_open_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sizes, length, batch and device as used; the settings stay as given, and a bundle gives them again."""
    path = build_bundle(TABLE, detect_schema(TABLE), CONFIG, name="x", out=tmp_path)
    manifest = open_bundle(path).manifest
    assert manifest.resolved is not None
    used = manifest.resolved["vae"]
    assert used["hidden"] == 128
    assert used["latent_dim"] == 4 == manifest.latent_dim
    assert (used["layers"], used["learning_rate"]) == (1, 0.002)
    assert (used["batch_size"], used["epoch_steps"], used["epochs"]) == (16, 1, 8)
    assert used["device"] == manifest.training.device
    assert used["components"] == 2
    assert manifest.training.config["batch_size"] is None
    assert load_config(path) == CONFIG
    print_facts(LocalSource(Model.open(path)).facts, as_json=False)
    assert "vae was trained with batch_size 16, " in capsys.readouterr().out
