"""Training for the command line: reads, checks, warns, shows progress, publishes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from augment.bundle import find_bundle, open_bundle
from augment.bundle.limits import MANIFEST_FILE
from augment.cli.about import about
from augment.cli.console import warn
from augment.cli.extras import missing_extra
from augment.cli.interrupts import Interruptible
from augment.cli.progress import TrainingView
from augment.data import (
    LargeTable,
    ParquetParts,
    conform,
    detect_schema,
    load_schema,
    read_table,
    schema_warnings,
)
from augment.data.reading import is_parquet
from augment.errors import ModelNotFoundError, RequestError
from augment.runtime.memory import available_memory
from augment.training import TrainConfig, build_bundle, load_config, override
from augment.training.trackers import MlflowTracker, TensorBoardTracker, Together

if TYPE_CHECKING:
    from pathlib import Path
    from signal import Signals
    from typing import Any

    import pyarrow as pa

    from augment.bundle import Bundle
    from augment.data import Schema
    from augment.training import Runs, Watcher
    from augment.training.judged import Judge

__all__ = ["bundle_at", "opened_training_data", "read_training_data", "settings_of", "train_bundle"]

_SHARE_OF_MEMORY = 0.5
_JUDGED_ROWS = 10_000
"""Enough for a verdict; `augment evaluate` takes more and longer."""


@dataclass(frozen=True)
class Trackers:
    """Who else is told of losses: a directory of TensorBoard, an address of MLflow."""

    tensorboard: Path | None = None
    mlflow: str | None = None

    def of(self, name: str, settings: TrainConfig) -> list[Watcher]:
        """Return those that are wanted.

        Raises:
            ModuleNotFoundError: The extra of one is not installed.
        """
        found: list[Watcher] = []
        if self.tensorboard is not None:
            found.append(TensorBoardTracker(self.tensorboard, name))
        if self.mlflow is not None:
            found.append(MlflowTracker(self.mlflow, name, settings))
        return found


@dataclass(frozen=True)
class Plan:
    """What is to be made, and where.

    Attributes:
        name: The bundle's.
        out: The directory of bundles.
        runs: Where the run is kept.
        judged: Whether samples are judged.
        start: The bundle to go on from; None: none.
        trackers: Who else is told of losses.
    """

    name: str
    out: Path
    runs: Runs
    judged: bool
    start: Path | None = None
    trackers: Trackers = field(default_factory=Trackers)


@dataclass(frozen=True)
class Made:
    """What training gave.

    Attributes:
        bundle: Published and verified.
        run_dir: Where the run is kept.
        signal: What ended it before its time; None: nothing.
    """

    bundle: Bundle
    run_dir: Path | None
    signal: Signals | None


def settings_of(
    file: Path | None, flags: dict[str, Any], privacy: dict[str, float | None] | None = None
) -> TrainConfig:
    """Return the settings of a file with the flags over them, those of privacy among them.

    Raises:
        RequestError: A setting breaks its rule, or privacy is said more of and no epsilon.
    """
    settings = load_config(file) if file else TrainConfig()
    said = {key: value for key, value in (privacy or {}).items() if value is not None}
    if said:
        before = settings.privacy.model_dump() if settings.privacy is not None else {}
        if "epsilon" not in before | said:
            rule, remedy = "must be given where more is said of privacy", "Add --dp-epsilon, e.g. 3"
            raise RequestError.of("--dp-epsilon", rule, "none", remedy)
        flags = flags | {"privacy": before | said}
    return override(settings, flags)


def bundle_at(path: Path) -> Path:
    """Return the bundle in a directory, or the newest version of the model there.

    Raises:
        RequestError: There is neither.
    """
    if (path / MANIFEST_FILE).is_file():
        return path
    try:
        return find_bundle(path.resolve().parent, path.resolve().name)
    except ModelNotFoundError:
        remedy = "Give a bundle's directory, e.g. models/adult/3"
        raise RequestError.of("--from", "must be a bundle", str(path), remedy) from None


def opened_training_data(data: Path, *, stream: bool | None, seed: int) -> LargeTable | None:
    """Return the data as a table that is read from disk piece by piece; None: they are to be read whole.

    Args:
        data: The file or directory.
        stream: Whether to; None: where Parquet that is trained on in memory would take over half of the
            memory that is free.
        seed: Of the sample.

    Raises:
        RequestError: They are to be and are no Parquet.
        InvalidInputError: The data break a rule.
    """
    if stream is False or not (stream or data.exists()):
        return None
    if not is_parquet(data):
        if stream:
            rule, remedy = "must be left out where the data are no Parquet", "Write them as Parquet"
            raise RequestError.of("--stream", rule, str(data), remedy)
        return None
    with about(data):
        parts = ParquetParts.open(data)
        most = available_memory() * _SHARE_OF_MEMORY
        if stream is None and parts.training_bytes <= most:
            return None
        if stream is None:
            warn(
                f"{data}: to train on in memory, {parts.rows:,} rows would take about "
                f"{parts.training_bytes / 2**30:.1f} GiB, more than half of what is free: they are read from "
                "disk instead (--no-stream forbids it)"
            )
        return LargeTable.open(parts, seed=seed)


def read_training_data(
    data: Path,
    *,
    schema_file: Path | None,
    target: str | None,
    start: Path | None = None,
    large: LargeTable | None = None,
) -> tuple[pa.Table | LargeTable, Schema]:
    """Return the table and its schema: from a file, or of the bundle to go on from, or detected.

    Args:
        data: The data file.
        schema_file: What its columns are.
        target: The column that downstream models predict.
        start: The bundle to go on from.
        large: The data as they were opened already; they are not read.

    Raises:
        InvalidInputError: The data or the schema file breaks a rule.
        ColumnNotFoundError: There is no column `target`.
    """
    if schema_file is None and start is not None:
        schema = open_bundle(start).manifest.record_schema
        if target is not None:
            with about(start):
                schema = schema.with_target(target)
        with about(data):
            return large or conform(read_table(data, schema=schema), schema), schema
    if schema_file is None:
        with about(data):
            if large is not None:
                return large, large.detect_schema(target=target)
            table = read_table(data)
            return table, detect_schema(table, target=target)
    schema = load_schema(schema_file)
    if target is not None:
        with about(schema_file):
            schema = schema.with_target(target)
    with about(data):
        return large or conform(read_table(data, schema=schema), schema), schema


def train_bundle(
    table: pa.Table | LargeTable,
    schema: Schema,
    settings: TrainConfig,
    plan: Plan,
) -> Made:
    """Train with progress on stderr, publish, and return the bundle as it was read back and verified.

    Where samples are to be judged and the packages for it are there, the figures go into the manifest.
    After Ctrl-C the bundle holds the best so far.
    """
    for warning in schema_warnings(schema):
        warn(warning)
    if plan.judged and settings.privacy is not None:
        warn("samples are not judged: figures about records would not be private; see augment evaluate")
    trackers = plan.trackers.of(plan.name, settings)
    with TrainingView() as view, Interruptible(Together(view, *trackers)) as watcher:
        judge = _judge(schema, settings.seed) if plan.judged and settings.privacy is None else None
        path = build_bundle(
            table,
            schema,
            settings,
            name=plan.name,
            out=plan.out,
            run_dir=plan.runs,
            watcher=watcher,
            judge=judge,
            start=plan.start,
        )
    for tracker in trackers:
        if isinstance(tracker, MlflowTracker):
            tracker.finish("KILLED" if watcher.signal else "FINISHED")
    return Made(open_bundle(path), watcher.directory, watcher.signal)


def _judge(schema: Schema, seed: int) -> Judge | None:
    """Return the judge of the samples; None, with a word, where its packages are not installed."""
    try:
        from augment.evaluation import evaluate, figures_for_manifest  # noqa: PLC0415 - an extra of its own
    except ModuleNotFoundError as exc:
        warn(f"samples are not judged: {missing_extra(exc, 'evaluate')}")
        return None

    def judge(train: pa.Table, heldout: pa.Table, synthetic: pa.Table) -> dict[str, float]:
        target = schema.target.name if schema.target is not None else None
        try:
            found = evaluate(
                train, heldout, synthetic, schema=schema, target=target, seed=seed, max_rows=_JUDGED_ROWS
            )
        except Exception as exc:  # noqa: BLE001 - what was trained for hours is worth more than its figures
            warn(f"samples are not judged: unexpected {type(exc).__name__}: {exc}")
            return {}
        return figures_for_manifest(found)

    return judge
