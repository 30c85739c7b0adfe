"""From a table to a published bundle, in one call."""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from augment.bundle import (
    BundleDraft,
    ModelReport,
    TrainingReport,
    find_bundle,
    open_bundle,
    publish,
    require_publishable,
)
from augment.bundle.limits import GRAPH_SUFFIX, NAME_PATTERN
from augment.data import Codec, conform
from augment.data.extending import extended_codec
from augment.errors import BundleError, NotFoundError, RequestError, SchemaError
from augment.models import Batch
from augment.training.exported import export_graphs
from augment.training.fingerprint import data_sha256
from augment.training.judged import judged_samples
from augment.training.progress import Progress, Watcher
from augment.training.run_dir import RunDirectory, versions
from augment.training.runs import Identity, Runs, open_run
from augment.training.train import Trained, choose_device, train_models
from augment.training.weights import WarmStart, weights_to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from augment.data import Encoded, Layout, Schema
    from augment.training.config import TrainConfig
    from augment.training.judged import Judge

__all__ = ["build_bundle"]


def build_bundle(  # noqa: PLR0913 - what a bundle is made of, and how
    table: pa.Table,
    schema: Schema,
    config: TrainConfig,
    *,
    name: str,
    out: Path | str,
    run_dir: Runs | Path | str | None = None,
    watcher: Watcher | None = None,
    judge: Judge | None = None,
    start: Path | str | None = None,
) -> Path:
    """Learn a table and publish what was learnt.

    Encoding tables (bins, categories, frequencies) are made from all rows; weights from all but the
    held-out ones, which only decide when to stop.

    Args:
        table: The records; it must fit `schema`.
        schema: Their columns.
        config: How to train.
        name: The bundle's name.
        out: The directory of bundles; the new one is `out/name/version`.
        run_dir: Where configuration, environment, losses and checkpoints are written; None: nowhere. Where an
            unfinished run of the same name, data and settings is there, it goes on.
        watcher: Is told of stages and epochs, and may stop the training; what was learnt until then is
            published.
        judge: Is shown training rows, held-out rows and as many synthetic ones of each sampler; the
            figures that it returns go into the manifest. None: nobody judges.
        start: The bundle to go on from, whose encoding and weights are taken over; categories that it does
            not know begin anew. None: train from random weights.

    Returns:
        The bundle's directory.

    Raises:
        RequestError: `name` is no bundle name.
        SchemaError: The table does not fit the schema, has fewer than 2 rows, or no column to learn.
        TrainingError: Training cannot go on, or the run directory holds an unfinished run of other data or
            settings.
        ExportError: A graph does not compute what its model computes.
        PublishError: The bundle or the run directory cannot be written.
    """
    started, watcher = time.monotonic(), watcher or Watcher()
    _require_name(name)
    device = choose_device(config).type
    table = conform(table, schema)
    _require_rows(table)
    watcher.on_stage(f"encoding {table.num_rows:,} rows")
    warm = WarmStart.of(open_bundle(start)) if start is not None else None
    codec = Codec.fit(table, schema) if warm is None else extended_codec(warm.codec, table, schema)
    layout, (encoded, _) = codec.layout, codec.encode(table)
    _require_columns(layout)
    require_publishable(out)
    data_hash = data_sha256(codec, encoded)
    runs = Runs.of(run_dir)
    settings = config.model_dump(mode="json") | ({"from": warm.digest} if warm is not None else {})
    identity = Identity(name, data_hash, device, settings)
    run = open_run(runs, identity, config, schema, watcher.on_stage) if runs is not None else None
    try:
        trained = _train(encoded, layout, config, (watcher, run, warm))
        quality = {f"{model}.heldout_loss": one.report.heldout_loss for model, one in trained.items()}
        whole = all(one.report.stopped != "interrupted" for one in trained.values())
        if judge is not None and whole:
            watcher.on_stage("judging samples")
            finished = [one.finished for one in trained.values()]
            quality |= judged_samples(judge, table, codec, finished, config)
        watcher.on_stage("exporting")
        report = _report(trained, config, encoded, layout, device, time.monotonic() - started)
        draft = _draft(trained, codec, encoded, config, report, quality)
        weights = weights_to_bytes({one: trained[one].model for one in trained}, layout)
        continues = warm.digest if warm is not None else None
        draft = replace(draft, data_sha256=data_hash, weights=weights, continues=continues)
        watcher.on_stage(f"publishing {name}")
        path = _published_before(run, out, name, draft) or publish(out, name, draft)
        if run is not None and whole:
            run.finish()
        return path
    finally:
        if run is not None:
            run.unlock()


def _train(
    encoded: Encoded,
    layout: Layout,
    config: TrainConfig,
    around: tuple[Watcher, RunDirectory | None, WarmStart | None],
) -> dict[str, Trained]:
    """Train all models: in a run directory from its checkpoints on, and the losses are kept there."""
    watcher, run, start = around
    if run is None:
        return train_models(encoded, layout, config, watcher, start=start)
    watcher.on_run(run.path)
    if run.resumed:
        watcher.on_stage(f"going on with the run in {run.path}")
    try:
        recorder = _Recorder(watcher, run)
        return train_models(encoded, layout, config, recorder, checkpoints=run.checkpoints, start=start)
    finally:
        run.draw()


def _published_before(
    run: RunDirectory | None, out: Path | str, name: str, draft: BundleDraft
) -> Path | None:
    """Return the newest version if it is this very run's: it was killed just after publishing."""
    if run is None or not run.resumed:
        return None
    try:
        path = find_bundle(out, name)
        manifest = open_bundle(path).manifest
    except (NotFoundError, BundleError):
        return None
    graphs = {role + GRAPH_SUFFIX: sha256(data).hexdigest() for role, data in draft.graphs.items()}
    same = all(file in manifest.files and manifest.files[file].sha256 == graphs[file] for file in graphs)
    return path if same and manifest.created_at >= run.begun_at else None


class _Recorder(Watcher):
    """Passes on what it hears, and writes epochs to the run directory."""

    def __init__(self, watcher: Watcher, run: RunDirectory) -> None:
        self._watcher = watcher
        self._run = run

    def on_epoch(self, progress: Progress) -> None:
        """Write and pass on an epoch."""
        self._run.record(progress)
        self._watcher.on_epoch(progress)

    def on_restored(self, history: Sequence[Progress]) -> None:
        """Take in and pass on the epochs of before."""
        self._run.restore(history)
        self._watcher.on_restored(history)

    def on_stage(self, stage: str) -> None:
        """Pass on a stage."""
        self._watcher.on_stage(stage)

    def wants_stop(self) -> bool:
        """Ask on."""
        return self._watcher.wants_stop()


def _require_name(name: str) -> None:
    """Refuse before training what publishing would refuse after it."""
    if not NAME_PATTERN.fullmatch(name):
        rule = "must be 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit"
        raise RequestError.of("name", rule, name)


def _require_rows(table: pa.Table) -> None:
    if table.num_rows < 2:  # noqa: PLR2004 - one to train on, one to judge by
        raise SchemaError.of("rows", "must be at least 2 to train", table.num_rows, "Give more records")


def _require_columns(layout: Layout) -> None:
    if not layout.names:
        remedy = "Identifiers and free text are never learnt; give a column a kind in the schema"
        raise SchemaError.of("columns", "must have one that can be learnt", "none", remedy)


def _draft(
    trained: dict[str, Trained],
    codec: Codec,
    encoded: Encoded,
    config: TrainConfig,
    report: TrainingReport,
    quality: dict[str, float],
) -> BundleDraft:
    """Export all graphs and put the bundle's parts together."""
    finished = [model.finished for model in trained.values()]
    graphs = [graph for one in finished for graph in one.graphs]
    exported = export_graphs(
        graphs, Batch.from_encoded(encoded), block_rows=config.block_rows, seed=config.seed
    )
    stepwise = {sampler: plan for one in finished for sampler, plan in one.stepwise.items()}
    return BundleDraft(
        schema=codec.schema,
        encoding=codec.tables,
        graphs=exported.graphs,
        block_rows=config.block_rows,
        samplers=[*stepwise, *(sampler for one in finished for sampler in one.samplers)],
        stepwise=stepwise,
        latent_dim=max(one.latent_dim for one in finished),
        golden=exported.golden,
        training=report,
        quality=quality,
        producer=versions(),
    )


def _report(
    trained: dict[str, Trained],
    config: TrainConfig,
    encoded: Encoded,
    layout: Layout,
    device: str,
    seconds: float,
) -> TrainingReport:
    models = {}
    for name, model in trained.items():
        report = model.report
        models[name] = ModelReport(
            epochs=report.epochs,
            steps=report.steps,
            parameters=report.parameters,
            train_loss=report.train_loss,
            heldout_loss=report.heldout_loss,
            best_epoch=report.best_epoch,
            stopped=report.stopped,
        )
    return TrainingReport(
        rows=len(encoded.tokens),
        columns=len(layout.names),
        seconds=round(seconds, 3),
        device=device,
        seed=config.seed,
        models=models,
        config=config.model_dump(mode="json"),
    )
