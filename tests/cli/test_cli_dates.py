"""Text files of dates that are not ISO 8601."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from augment.data import detect_schema, read_table
from augment.training import TrainConfig, build_bundle
from tests.cli.running import augment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def dates_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of dates in the German way; beside it the models made of it."""
    path = tmp_path_factory.mktemp("dates") / "dates.csv"
    rows = "".join(f"{1 + row % 28:02d}.{1 + row % 12:02d}.2020,{row % 3}\n" for row in range(60))
    path.write_text(f"when,kind\n{rows}", encoding="utf-8")
    table, config = read_table(path), TrainConfig(models=("denoiser",), max_steps=2, seed=1, device="cpu")
    build_bundle(table, detect_schema(table), config, name="dates", out=path.parent / "models")
    return path


def test_dates_are_read_and_written_as_in_the_training_file(dates_csv: Path, tmp_path: Path) -> None:
    """What trained a model can be repaired by it, and what it makes is written in the same format."""
    out = tmp_path / "out.csv"
    models = dates_csv.parent / "models"
    ran = augment("generate", "dates", "--rows", 20, "--seed", 1, "--models", models, "--out", out)
    assert ran.code == 0, ran.err
    assert read_table(out).schema.equals(read_table(dates_csv).schema, check_metadata=True)
    for data in (dates_csv, out):
        repaired = tmp_path / "repaired.csv"
        ran = augment("denoise", "dates", data, "--threshold", 0, "--models", models, "--out", repaired)
        assert ran.code == 0, ran.err
        assert repaired.read_bytes() == data.read_bytes()
