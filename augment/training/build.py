"""From a table to a published bundle, in one call."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from augment.bundle import BundleDraft, ModelReport, TrainingReport, publish, require_publishable
from augment.bundle.limits import NAME_PATTERN
from augment.data import Codec, conform
from augment.errors import RequestError, SchemaError
from augment.models import Batch
from augment.training.exported import export_graphs
from augment.training.judged import judged_samples
from augment.training.progress import Progress, Watcher
from augment.training.run_dir import RunDirectory, versions
from augment.training.train import Trained, choose_device, train_models

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from augment.data import Encoded, Layout, Schema
    from augment.training.config import TrainConfig
    from augment.training.judged import Judge

__all__ = ["build_bundle", "draft_of", "report_of"]


def build_bundle(
    table: pa.Table,
    schema: Schema,
    config: TrainConfig,
    *,
    name: str,
    out: Path | str,
    run_dir: Path | str | None = None,
    watcher: Watcher | None = None,
    judge: Judge | None = None,
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
        run_dir: Where configuration, environment and losses are written; None: nowhere.
        watcher: Is told of stages and epochs.
        judge: Is shown training rows, held-out rows and as many synthetic ones of each sampler; the
            figures that it returns go into the manifest. None: nobody judges.

    Returns:
        The bundle's directory.

    Raises:
        RequestError: `name` is no bundle name.
        SchemaError: The table does not fit the schema, has fewer than 2 rows, or no column to learn.
        TrainingError: Training cannot go on.
        ExportError: A graph does not compute what its model computes.
        PublishError: The bundle or the run directory cannot be written.
    """
    started, watcher = time.monotonic(), watcher or Watcher()
    _require_name(name)
    device = choose_device(config).type
    table = conform(table, schema)
    _require_rows(table)
    watcher.on_stage(f"encoding {table.num_rows:,} rows")
    codec = Codec.fit(table, schema)
    layout, (encoded, _) = codec.layout, codec.encode(table)
    _require_columns(layout)
    require_publishable(out)
    run = RunDirectory.create(run_dir, config, schema, device) if run_dir is not None else None
    trained = train_models(encoded, layout, config, _Recorder(watcher, run))
    if run is not None:
        run.finish()
    seconds = time.monotonic() - started
    quality = {f"{model}.heldout_loss": one.report.heldout_loss for model, one in trained.items()}
    if judge is not None:
        watcher.on_stage("judging samples")
        finished = [one.finished for one in trained.values()]
        quality |= judged_samples(judge, table, codec, finished, config)
    watcher.on_stage("exporting")
    report = report_of(trained, config, len(encoded.tokens), layout, device, seconds)
    draft = draft_of(trained, codec, encoded, config, report, quality)
    watcher.on_stage(f"publishing {name}")
    return publish(out, name, draft)


class _Recorder(Watcher):
    """Passes on what it hears, and writes epochs to the run directory."""

    def __init__(self, watcher: Watcher, run: RunDirectory | None) -> None:
        self._watcher = watcher
        self._run = run

    def on_epoch(self, progress: Progress) -> None:
        """Write and pass on an epoch."""
        if self._run is not None:
            self._run.record(progress)
        self._watcher.on_epoch(progress)

    def on_stage(self, stage: str) -> None:
        """Pass on a stage."""
        self._watcher.on_stage(stage)


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


def draft_of(
    trained: Mapping[str, Trained],
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
        prediction=next((one.prediction for one in finished if one.prediction is not None), None),
        score_quantiles=next(
            (one.score_quantiles for one in trained.values() if one.score_quantiles is not None), None
        ),
    )


def report_of(
    trained: Mapping[str, Trained],
    config: TrainConfig,
    rows: int,
    layout: Layout,
    device: str,
    seconds: float,
) -> TrainingReport:
    """Return what the manifest tells of training."""
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
        rows=rows,
        columns=len(layout.names),
        seconds=round(seconds, 3),
        device=device,
        seed=config.seed,
        models=models,
        config=config.model_dump(mode="json"),
    )
