"""The demo as it is seen: what it does now, the files, and the summary."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from augment.cli.console import say, warn
from augment.cli.progress import TrainingView
from augment.data import schema_warnings
from augment.demo.datasets import Dataset, breast_cancer, digits, from_file
from augment.demo.files import write_page, write_tables
from augment.demo.run import Narrator, run
from augment.demo.summary import print_summary
from augment.demo.trial import Plan
from augment.training import TrainConfig

if TYPE_CHECKING:
    from pathlib import Path

    from augment.training import Progress

__all__ = ["show_demo"]

# So few rows have small batches, whose work a second thread speeds up little; on a machine that others
# use too, torch's threads wait for each other and it takes several times as long (measured: 199 s, not 28).
_FEW_ROWS = 10_000


class _Shown(Narrator):
    """Passes on what it hears to the terminal."""

    def __init__(self, view: TrainingView) -> None:
        self._view = view

    def on_step(self, text: str) -> None:
        """Begin a new part of the demo, with bars of its own."""
        self._view.restart()
        say(text, style="bold")

    def on_stage(self, stage: str) -> None:
        """Pass on a stage of training."""
        self._view.on_stage(stage)

    def on_epoch(self, progress: Progress) -> None:
        """Pass on an epoch."""
        self._view.on_epoch(progress)


def show_demo(
    data: Path | None,
    target: str | None,
    output: Path,
    *,
    rows: int,
    seed: int,
    epochs: int | None,
    started: float,
) -> None:
    """Run the demo with progress on stderr, write its files, and print its summary."""
    datasets = [from_file(data, target)] if data else [breast_cancer(), digits()]
    if max(dataset.table.num_rows for dataset in datasets) < _FEW_ROWS:
        torch.set_num_threads(1)
    _warn(datasets)
    config = TrainConfig(seed=seed, epochs=epochs)
    with TrainingView() as view:
        outcome = run(datasets, output, config, Plan(rows=rows, seed=seed), _Shown(view))
    files = [path for chapter in outcome.chapters for path in write_tables(chapter, output)]
    seconds = time.monotonic() - started
    write_page(outcome.chapters, output, f"Made by augment in {seconds:.0f} s with seed {seed}.")
    say(f"wrote {len(files)} files, models/ and index.html to {output}")
    print_summary(outcome, output, seconds)


def _warn(datasets: list[Dataset]) -> None:
    for dataset in datasets:
        for warning in schema_warnings(dataset.schema):
            warn(warning)
