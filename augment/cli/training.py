"""Training for the command line: reads, checks, warns, shows progress, publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.bundle import open_bundle
from augment.cli.about import about
from augment.cli.console import warn
from augment.cli.progress import TrainingView
from augment.data import conform, detect_schema, load_schema, read_table, schema_warnings
from augment.training import TrainConfig, build_bundle, load_config, override

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import pyarrow as pa

    from augment.bundle import Bundle
    from augment.data import Schema

__all__ = ["read_training_data", "settings_of", "train_bundle"]


def settings_of(file: Path | None, flags: dict[str, Any]) -> TrainConfig:
    """Return the settings of a file with the flags over them."""
    settings = load_config(file) if file else TrainConfig()
    return override(settings, flags)


def read_training_data(
    data: Path, *, schema_file: Path | None, target: str | None
) -> tuple[pa.Table, Schema]:
    """Return the table and its schema: from a file, or detected.

    Raises:
        InvalidInputError: The data or the schema file breaks a rule.
        ColumnNotFoundError: There is no column `target`.
    """
    if schema_file is None:
        with about(data):
            table = read_table(data)
            return table, detect_schema(table, target=target)
    schema = load_schema(schema_file)
    if target is not None:
        with about(schema_file):
            schema = schema.with_target(target)
    with about(data):
        return conform(read_table(data, schema=schema), schema), schema


def train_bundle(
    table: pa.Table, schema: Schema, settings: TrainConfig, *, name: str, out: Path, run_dir: Path
) -> Bundle:
    """Train with progress on stderr, publish, and return the bundle as it was read back and verified."""
    for warning in schema_warnings(schema):
        warn(warning)
    with TrainingView() as view:
        path = build_bundle(table, schema, settings, name=name, out=out, run_dir=run_dir, watcher=view)
    return open_bundle(path)
