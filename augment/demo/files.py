"""What the demo leaves behind, besides bundles: tables and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from augment.data import write_table
from augment.demo.page import demo_page
from augment.evaluation.page import render

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from augment.demo.run import Chapter

__all__ = ["write_page", "write_tables"]


def write_tables(chapter: Chapter, output: Path) -> list[Path]:
    """Write the records as Parquet, and as CSV where they hold no arrays; return the files."""
    name, trial, schema = chapter.dataset.name, chapter.trial, chapter.dataset.schema
    target = chapter.dataset.target
    tables = {
        "synthetic": trial.synthetic,
        "interpolation": trial.path,
        "corrupted": trial.corrupted.records,
        "denoised": trial.denoised.records,
    }
    written = []
    for kind, table in tables.items():
        flat = not any(_is_array(field.type) for field in table.schema)
        for suffix in (".parquet", ".csv") if flat else (".parquet",):
            path = output / f"{name}_{kind}{suffix}"
            write_table(table, path, schema)
            written.append(path)
    latent = pa.table({f"latent_{index}": column for index, column in enumerate(trial.real_latent.T.copy())})
    if target is not None and target.kind != "array":
        latent = latent.append_column(target.name, trial.real_sample[target.name])
    write_table(latent, output / f"{name}_latent.parquet")
    return [*written, output / f"{name}_latent.parquet"]


def write_page(chapters: Sequence[Chapter], output: Path, footer: str) -> Path:
    """Write `index.html` and return its path."""
    path = output / "index.html"
    path.write_text(render(demo_page(chapters, footer)), encoding="utf-8")
    return path


def _is_array(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType) or bool(pa.types.is_nested(kind))
