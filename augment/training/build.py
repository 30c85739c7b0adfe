"""From a table to a published bundle, in one call."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch

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
from augment.data import LargeTable, conform
from augment.data.codec import modelled
from augment.errors import BundleError, NotFoundError, RequestError, SchemaError, TrainingError
from augment.models import Batch
from augment.models.marginals import Marginals
from augment.training import processes
from augment.training.exported import export_graphs
from augment.training.judged import judged_samples
from augment.training.prepared import Prepared, prepared_large, prepared_table
from augment.training.privacy import Mechanism, private_settings, require_privacy, spent
from augment.training.progress import Progress, Watcher
from augment.training.run_dir import RunDirectory, versions
from augment.training.runs import Identity, Runs, open_run
from augment.training.train import Trained, choose_device, models_of, train_models
from augment.training.weights import WarmStart, weights_to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data import Codec, Encoded, Layout, Schema
    from augment.data.record_file import RecordFile
    from augment.training.config import TrainConfig
    from augment.training.judged import Judge

__all__ = ["build_bundle", "draft_of", "report_of"]


def build_bundle(  # noqa: PLR0913 - what a bundle is made of, and how
    table: pa.Table | LargeTable,
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
        table: The records; they must fit `schema`. Those of a `LargeTable` are read from disk, encoded to a
            file beside the run, and trained on from there; what needs many at once is shown a sample.
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
    _require_name(name)
    device = choose_device(config).type
    with processes.together(device):
        if not processes.is_first():
            run_dir, watcher, judge = None, None, None
        making = _Making(name, config, device, out, Runs.of(run_dir), watcher or Watcher(), judge)
        return making.bundle(table, schema, start)


@dataclass(frozen=True)
class _Making:
    """A bundle on its way; see `build_bundle`. Of several processes the first keeps the run and publishes."""

    name: str
    config: TrainConfig
    device: str
    out: Path | str
    runs: Runs | None
    watcher: Watcher
    judge: Judge | None

    def bundle(self, table: pa.Table | LargeTable, schema: Schema, start: Path | str | None) -> Path:
        """Encode, train and publish a table; returns the bundle's directory."""
        started = time.monotonic()
        if isinstance(table, LargeTable):
            rows = table.rows
            _require_one_process()
        else:
            table = conform(table, schema)
            rows = table.num_rows
        _require_rows(rows)
        _require_columns(schema)
        warm = WarmStart.of(open_bundle(start)) if start is not None else None
        require_privacy(self.config, rows, start=warm.digest if warm is not None else None)
        require_publishable(self.out)
        with self._prepared(table, schema, warm) as records:
            return self._made(records, warm, started)

    def _prepared(
        self, table: pa.Table | LargeTable, schema: Schema, warm: WarmStart | None
    ) -> AbstractContextManager[Prepared]:
        if isinstance(table, LargeTable):
            parent = None if self.runs is None else self.runs.directory or self.runs.parent or Path("runs")
            return prepared_large(table, schema, self.config, warm, parent, self.watcher.on_stage)
        self.watcher.on_stage(f"encoding {table.num_rows:,} rows")
        return prepared_table(table, schema, self.config, warm)

    def _made(self, records: Prepared, warm: WarmStart | None, started: float) -> Path:
        """Train and publish."""
        codec = records.codec
        try:
            run = self._run(records.data_sha256, codec.schema, warm)
        except TrainingError:  # the run directory is not for these records
            records.finish()
            raise
        try:
            novelty = records.novelty() if warm is not None else None
            trained = _train(records.records, codec.layout, self.config, (self.watcher, run, warm), novelty)
            if not processes.is_first():
                return Path(processes.said_by_first(""))
            whole = _whole(trained, models_of(self.config, codec.layout))
            quality = self._quality(trained, records, whole=whole)
            self.watcher.on_stage("exporting")
            seconds = time.monotonic() - started
            report = report_of(trained, self.config, records.rows, codec.layout, self.device, seconds)
            draft = draft_of(trained, codec, records.examples, self.config, report, quality)
            continues = warm.digest if warm is not None else None
            known = records.data_sha256 if self.config.privacy is None else None
            path = self._publish(run, replace(draft, data_sha256=known, continues=continues))
            if whole:
                records.finish()
                if run is not None:
                    run.finish()
            return Path(processes.said_by_first(str(path)))
        finally:
            if run is not None:
                run.unlock()

    def _run(self, data_hash: str, schema: Schema, warm: WarmStart | None) -> RunDirectory | None:
        """Return the directory of a new run or of the one that goes on, where one is kept."""
        if self.runs is None:
            return None
        settings = self.config.model_dump(mode="json")
        settings |= {"from": warm.digest} if warm is not None else {}
        identity = Identity(self.name, data_hash, self.device, settings)
        return open_run(self.runs, identity, self.config, schema, self.watcher.on_stage)

    def _quality(self, trained: dict[str, Trained], records: Prepared, *, whole: bool) -> dict[str, float]:
        """Return what is known of the models; where training was stopped, samples are not judged.

        Nothing, where training was private: these are figures about records.
        """
        if self.config.privacy is not None:
            return {}
        quality = {f"{model}.heldout_loss": one.report.heldout_loss for model, one in trained.items()}
        if self.judge is not None and whole:
            self.watcher.on_stage("judging samples")
            finished = [one.finished for one in trained.values()]
            stop, shown = self.watcher.wants_stop, records.shown()
            quality |= judged_samples(self.judge, shown, records.codec, finished, self.config, stop=stop)
        return quality

    def _publish(self, run: RunDirectory | None, draft: BundleDraft) -> Path:
        self.watcher.on_stage(f"publishing {self.name}")
        before = _published_before(run, self.out, self.name, draft)
        return before or publish(self.out, self.name, draft)


def _whole(trained: dict[str, Trained], wanted: tuple[str, ...]) -> bool:
    """Whether nobody stopped the training."""
    return set(trained) == set(wanted) and all(
        one.report.stopped != "interrupted" for one in trained.values()
    )


def _train(
    encoded: Encoded | RecordFile,
    layout: Layout,
    config: TrainConfig,
    around: tuple[Watcher, RunDirectory | None, WarmStart | None],
    novelty: NDArray[np.float64] | None,
) -> dict[str, Trained]:
    """Train all models: in a run directory from its checkpoints on, and the losses are kept there."""
    watcher, run, start = around
    if run is None:
        return train_models(encoded, layout, config, watcher, start=start, novelty=novelty)
    watcher.on_run(run.path)
    if run.resumed:
        watcher.on_stage(f"going on with the run in {run.path}")
    try:
        recorder = _Recorder(watcher, run)
        kept = run.checkpoints
        return train_models(encoded, layout, config, recorder, checkpoints=kept, start=start, novelty=novelty)
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

    def on_trained(self, model: str) -> None:
        """Pass on that a model is trained."""
        self._watcher.on_trained(model)

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


def _require_rows(rows: int) -> None:
    if rows < 2:  # noqa: PLR2004 - one to train on, one to judge by
        raise SchemaError.of("rows", "must be at least 2 to train", rows, "Give more records")


def _require_one_process() -> None:
    if processes.count() > 1:
        rule = "must be 1 where records are read from disk"
        raise RequestError.of("processes", rule, processes.count(), "Train without torchrun, or in memory")


def _require_columns(schema: Schema) -> None:
    if not modelled(schema):
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
    config = private_settings(config, report.rows)
    finished = [model.finished for model in trained.values()]
    graphs = [graph for one in finished for graph in one.graphs]
    records = _examples(codec.layout, encoded, config)
    exported = export_graphs(graphs, records, block_rows=config.block_rows, seed=config.seed)
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
        resolved={name: dict(one.resolved) for name, one in trained.items() if one.resolved} or None,
        weights=weights_to_bytes({name: one.model for name, one in trained.items()}, codec.layout),
        privacy=spent(config, report.rows, _private_runs(trained)),
    )


def _examples(layout: Layout, encoded: Encoded, config: TrainConfig) -> Batch:
    """Return records to try graphs on, some of which the bundle shows: where it is private, no real ones."""
    if config.privacy is None:
        return Batch.from_encoded(encoded)
    generator = torch.Generator().manual_seed(config.seed)
    return Marginals(layout).draw(config.block_rows, generator, torch.device("cpu"))


def _private_runs(trained: Mapping[str, Trained]) -> list[tuple[Mechanism, int]]:
    reports = [one.report for one in trained.values()]
    return [(Mechanism(**report.mechanism), report.steps) for report in reports if report.mechanism]


def report_of(
    trained: Mapping[str, Trained],
    config: TrainConfig,
    rows: int,
    layout: Layout,
    device: str,
    seconds: float,
) -> TrainingReport:
    """Return what the manifest tells of training."""
    config = private_settings(config, rows)
    models = {}
    for name, model in trained.items():
        report = model.report
        models[name] = ModelReport(
            epochs=report.epochs,
            steps=report.steps,
            parameters=report.parameters,
            train_loss=report.train_loss if report.mechanism is None else None,
            heldout_loss=report.heldout_loss if report.mechanism is None else None,
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
