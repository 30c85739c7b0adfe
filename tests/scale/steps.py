"""Steps for tests: small inputs, and what comes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from augment.scale.config import StepConfig
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ALL_OPERATIONS", "config_of", "given_rows", "manifest_of", "parts_of", "rows_of", "write_inputs"]

ALL_OPERATIONS: tuple[dict[str, Any], ...] = (
    {"do": "impute"},
    {"do": "augment", "rows": 2_000},
    {"do": "encode"},
    {"do": "score"},
)


def given_rows(rows: int = 1_300, seed: int = 3) -> pa.Table:
    """Return records that the bundle `flat` knows, with missing cells."""
    return every_kind(rows, seed).drop_columns(["image"])


def write_inputs(directory: Path, table: pa.Table, *ends: int) -> Path:
    """Write a table as Parquet files that end at these rows."""
    directory.mkdir(parents=True, exist_ok=True)
    start = 0
    for number, end in enumerate([*ends, table.num_rows]):
        pq.write_table(table.slice(start, end - start), directory / f"{number}.parquet", row_group_size=400)
        start = end
    return directory


def config_of(root: Path, models: Path, **changes: Any) -> StepConfig:
    """Return a step from `root/in` to `root/out` in this process, with some settings changed."""
    usual = {
        "input": str(root / "in"),
        "model": "flat",
        "models": str(models),
        "operations": ALL_OPERATIONS,
        "output": str(root / "out"),
        "seed": 7,
        "part_rows": 512,
        "workers": 1,
    }
    return StepConfig.model_validate(usual | changes)


def parts_of(output: Path) -> dict[str, bytes]:
    """Return the parts by name."""
    return {file.name: file.read_bytes() for file in sorted(output.glob("*.parquet"))}


def rows_of(output: Path) -> pa.Table:
    """Return the rows of all parts, given ones first."""
    tables = [pq.read_table(file) for file in sorted(output.glob("*.parquet"))]
    return pa.concat_tables([table.replace_schema_metadata(None) for table in tables]).unify_dictionaries()


def manifest_of(output: Path) -> dict[str, Any]:
    """Return the manifest."""
    manifest: dict[str, Any] = json.loads((output / "_manifest.json").read_bytes())
    return manifest
