"""Laws of the whole way from a table to a published bundle, and of the run directory."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
import torch

from augment.bundle import open_bundle
from augment.data import IdentifierColumn, Schema, detect_schema, load_schema
from augment.errors import ColumnNotFoundError, PublishError, RequestError, SchemaError
from augment.models import Denoiser, Vae
from augment.training import Progress, TrainConfig, Watcher, build_bundle, load_config, train_models
from augment.training.curves import plot_losses
from augment.training.run_dir import RunDirectory, environment
from tests.models.encoded_tables import TABLES, encoded_table

if TYPE_CHECKING:
    from pathlib import Path

_QUICK = TrainConfig(epochs=1, max_steps=2, device="cpu")


class Listener(Watcher):
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.epochs: list[Progress] = []
        self.stages: list[str] = []

    def on_epoch(self, progress: Progress) -> None:
        """Remember an epoch."""
        self.epochs.append(progress)

    def on_stage(self, stage: str) -> None:
        """Remember a stage."""
        self.stages.append(stage)


def test_a_bundle_says_how_it_was_trained(tiny_bundle: Path) -> None:
    """The manifest tells rows, seed, device, settings, and each model's steps and losses."""
    manifest = open_bundle(tiny_bundle).manifest
    training = manifest.training
    assert (training.rows, training.seed, training.device) == (240, 1, "cpu")
    assert set(training.models) == {"vae", "maker", "denoiser"}
    assert TrainConfig.model_validate(training.config) == TrainConfig(epochs=6, seed=1, device="cpu")
    for name, model in training.models.items():
        assert 1 <= model.best_epoch <= model.epochs <= 6
        assert model.parameters > 1000
        assert manifest.quality[f"{name}.heldout_loss"] == model.heldout_loss
    assert manifest.samplers == ("denoiser", "vae")
    assert manifest.latent_dim > 0
    assert "torch" in manifest.producer


def test_a_bundle_has_all_graphs_and_a_golden_case_of_each(tiny_bundle: Path) -> None:
    """Everything that the runtime offers is there."""
    bundle = open_bundle(tiny_bundle)
    roles = ["complete", "decode", "denoise", "encode", "score", "vae_sample"]
    roles += bundle.manifest.stepwise["denoiser"].roles("denoiser")
    roles.sort()
    assert sorted(bundle.manifest.graphs) == roles
    assert sorted(case.graph for case in bundle.golden()) == roles
    inputs = [info.name for info in bundle.manifest.graphs["vae_sample"].inputs]
    assert inputs == ["component_u", "latent_normal", "token_u", "residual_u", "array_u"]


def test_the_run_directory_tells_the_run(models_dir: Path, table: pa.Table) -> None:
    """Settings, schema, environment, losses and their plot are there and can be read back."""
    run = models_dir.parent / "run"
    assert load_config(run / "config.yaml") == TrainConfig(epochs=6, seed=1, device="cpu")
    assert load_schema(run / "schema.yaml") == detect_schema(table, target="class")
    found = json.loads((run / "environment.json").read_text())
    assert found["device"] == "cpu"
    assert found["packages"]["torch"] == torch.__version__
    with (run / "loss.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == ["vae"] * 6 + ["maker"] * 6 + ["denoiser"] * 6
    assert float(rows[5]["heldout_loss"]) < float(rows[0]["heldout_loss"])
    assert "divergence" in json.loads(rows[0]["parts"])
    assert "<svg" in (run / "loss.svg").read_text()


@pytest.mark.parametrize("name", TABLES)
def test_models_are_trained_on_every_layout(name: str) -> None:
    """From 30 records of any layout come a VAE and a denoiser, in evaluation mode on the CPU.

    Where there are table columns, a part of the denoiser makes them one by one.
    """
    layout, encoded = encoded_table(name, rows=30)
    listener = Listener()
    trained = train_models(encoded, layout, _QUICK, listener)
    assert isinstance(trained["vae"].model, Vae)
    assert isinstance(trained["denoiser"].model, Denoiser)
    assert not any(model.model.training for model in trained.values())
    assert [graph.role for graph in trained["vae"].finished.graphs][:1] == ["vae_sample"]
    only_arrays = len(layout.names) == len(layout.array_names)
    wanted = ["vae", "denoiser"] if only_arrays else ["vae", "maker", "denoiser"]
    assert list(trained) == list(dict.fromkeys(epoch.model for epoch in listener.epochs)) == wanted
    assert listener.stages == [f"training {model} on cpu" for model in wanted]


def test_two_records_are_enough() -> None:
    """With two records one trains and one judges."""
    layout, encoded = encoded_table("mixed", rows=2)
    trained = train_models(encoded, layout, _QUICK, Watcher())
    assert all(np.isfinite(model.report.heldout_loss) for model in trained.values())


def test_the_prior_is_chosen_by_the_settings() -> None:
    """N(0, I) and a flow take no component noise; the mixture does."""
    layout, encoded = encoded_table("numbers", rows=60)
    inputs = []
    for prior in ("normal", "gmm", "flow"):
        config = TrainConfig.model_validate(
            {"max_steps": 2, "device": "cpu", "models": ["vae"], "vae": {"prior": prior}}
        )
        trained = train_models(encoded, layout, config, Watcher())
        inputs.append([port.name for port in trained["vae"].finished.graphs[0].inputs])
    assert inputs[0] == ["latent_normal", "token_u", "residual_u"]
    assert inputs[1] == ["component_u", *inputs[0]]
    assert inputs[2] == inputs[0]


@pytest.mark.parametrize("prior", ["normal", "gmm", "flow"])
def test_arrays_are_made_for_given_table_cells_unless_the_prior_knows_none(prior: str) -> None:
    """A mixture and a flow complete records, and then a maker is trained; N(0, I) does not, and it is not."""
    layout, encoded = encoded_table("mixed", rows=60)
    config = TrainConfig.model_validate({"max_steps": 2, "device": "cpu", "vae": {"prior": prior}})
    trained = train_models(encoded, layout, config, Watcher())
    roles = [graph.role for one in trained.values() for graph in one.finished.graphs]
    assert ("complete" in roles) == ("maker" in trained) == (prior != "normal")


def test_a_maker_alone_cannot_make_arrays() -> None:
    """Arrays are made by the autoencoder: without it nothing could be generated, and nothing is trained."""
    layout, encoded = encoded_table("arrays", rows=40)
    config = TrainConfig(models=("maker",), device="cpu")
    with pytest.raises(RequestError, match="models must have one that can be used"):
        train_models(encoded, layout, config, Watcher())


def test_a_bundle_may_hold_the_denoiser_alone(tmp_path: Path) -> None:
    """One model is a bundle too: it generates, and has no latent space; no run directory is needed."""
    table = pa.table({"a": ["x", "y"] * 10, "n": list(range(20))})
    config = _QUICK.model_copy(update={"models": ("denoiser",)})
    listener = Listener()
    path = build_bundle(table, detect_schema(table), config, name="repair", out=tmp_path, watcher=listener)
    manifest = open_bundle(path).manifest
    assert (manifest.samplers, manifest.latent_dim) == (("denoiser",), 0)
    assert set(manifest.graphs) == {"denoise", *manifest.stepwise["denoiser"].roles("denoiser")}
    assert [stage.split()[0] for stage in listener.stages] == [
        "encoding",
        "training",
        "training",
        "exporting",
        "publishing",
    ]


def test_one_row_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """One record gives an error that says how many it takes; no directory appears."""
    table = pa.table({"a": ["x"], "b": [1.5]})
    schema = detect_schema(pa.table({"a": ["x", "y"], "b": [1.5, 2.5]}))
    with pytest.raises(SchemaError, match="rows must be at least 2"):
        build_bundle(table, schema, _QUICK, name="one", out=tmp_path / "out", run_dir=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_name_is_refused_before_training(tmp_path: Path) -> None:
    """Nobody waits for training to hear that the name will not do."""
    table = pa.table({"a": ["x", "y"] * 10})
    with pytest.raises(RequestError, match="name must be 1 to 64 letters"):
        build_bundle(table, detect_schema(table), _QUICK, name="../up", out=tmp_path)


def test_nothing_to_learn_is_refused(tmp_path: Path) -> None:
    """A table of identifiers alone gives an error that says what to do."""
    table = pa.table({"key": ["C-01", "C-02", "C-03"]})
    schema = Schema(columns=(IdentifierColumn(name="key", storage="string", pattern="C-00"),))
    with pytest.raises(SchemaError, match="must have one that can be learnt"):
        build_bundle(table, schema, _QUICK, name="keys", out=tmp_path)


def test_a_table_without_a_column_of_the_schema_is_refused(tmp_path: Path) -> None:
    """The missing column is named."""
    schema = detect_schema(pa.table({"a": ["x", "y"] * 10, "b": [1.5, 2.5] * 10}))
    with pytest.raises(ColumnNotFoundError, match="'b'"):
        build_bundle(pa.table({"a": ["x", "y"]}), schema, _QUICK, name="b", out=tmp_path)


def test_a_run_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file in the directory's place gives an error with the path, at each of the writes."""
    schema = detect_schema(pa.table({"a": ["x", "y"] * 10}))
    (tmp_path / "file").touch()
    with pytest.raises(PublishError, match=r"run directory .*file must be writable"):
        RunDirectory(tmp_path / "file").make()
    run = RunDirectory(tmp_path / "gone")
    with pytest.raises(PublishError, match=r"gone.*cannot be written"):
        run.begin(_QUICK, schema, {"device": "cpu"}, 30, print)
    with pytest.raises(PublishError, match="gone must be writable"):
        run.record(_epoch("vae", 1))
    with pytest.raises(PublishError, match="gone must be writable"):
        run.draw()


def test_loss_curves_are_one_panel_a_model(tmp_path: Path) -> None:
    """The plot names each model, also when there was no epoch at all."""
    plot_losses([_epoch("vae", 1), _epoch("vae", 2), _epoch("denoiser", 1)], tmp_path / "loss.svg")
    assert (tmp_path / "loss.svg").read_text().count("axes_") >= 2
    plot_losses([], tmp_path / "none.svg")
    assert {path.name for path in tmp_path.iterdir()} == {"loss.svg", "none.svg"}


def test_the_environment_names_the_versions() -> None:
    """Python, platform, device and the versions that shape a result are told."""
    found = environment("cpu")
    assert found["gpu"] is None
    assert {"python", "platform", "threads", "packages"} <= set(found)


def _epoch(model: str, epoch: int) -> Progress:
    return Progress(
        model=model,
        epoch=epoch,
        epochs=2,
        step=epoch,
        steps=2,
        train_loss=2.0 / epoch,
        parts={"reconstruction": 1.0},
        heldout_loss=3.0 / epoch,
        best=True,
        learning_rate=1e-3,
        rows_per_s=10.0,
        seconds_left=0.0,
    )


def test_where_nothing_can_be_published_nothing_is_trained(table: pa.Table, tmp_path: Path) -> None:
    """A file in the way of the directory of bundles is told before the first epoch."""
    (tmp_path / "file").write_text("in the way")
    heard = Listener()
    schema = detect_schema(table)
    with pytest.raises(PublishError, match=r"file cannot be written to: .*Give another directory"):
        build_bundle(table, schema, _QUICK, name="x", out=tmp_path / "file", watcher=heard)
    assert not heard.epochs
