"""Runs cells that have not run: a data set, a fold and a method; what is finished stays in a cache."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from utility.classifiers import scores
from utility.datasets import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from utility.datasets import Problem
    from utility.methods import Augment

__all__ = ["Cell", "Runner", "finished"]


@dataclass(frozen=True)
class Cell:
    """What one method did for one fold."""

    problem: str
    fold: int
    method: str

    def path(self, cache: Path) -> Path:
        """Return where its figures stay."""
        return cache / self.problem / f"{self.method.replace(' ', '_')}-{self.fold}.json"


@dataclass(frozen=True)
class Runner:
    """What all cells share.

    Attributes:
        data: Directory of the data sets.
        cache: Directory of finished cells.
        methods: What there is to run.
    """

    data: Path
    cache: Path
    methods: Mapping[str, Augment]

    def run(self, problems: Iterable[str], folds: int) -> None:
        """Run what has not finished, fold by fold: after a break all sets have about as many folds."""
        loaded = {name: load(self.data, name) for name in problems}
        for fold in range(folds):
            for problem in loaded.values():
                for method in self.methods:
                    cell = Cell(problem.name, fold, method)
                    if fold < len(problem.folds) and not cell.path(self.cache).is_file():
                        self._run(cell, problem)

    def _run(self, cell: Cell, problem: Problem) -> None:
        fold = problem.folds[cell.fold]
        features = problem.features.iloc[fold.train].reset_index(drop=True)
        wall, cpu = time.monotonic(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            augmented = self.methods[cell.method](features, problem.positive[fold.train], cell.fold)
            wall, cpu = time.monotonic() - wall, time.process_time() - cpu
            figures = {
                "rows": len(fold.train),
                "rare": int(problem.positive[fold.train].sum()),
                "seconds": round(wall, 3),
                "cpu_seconds": round(cpu, 3),
                "scores": scores(problem, fold, augmented),
            }
        path = cell.path(self.cache)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part")
        half.write_text(json.dumps(figures))
        half.replace(path)
        print(f"{cell.problem}, fold {cell.fold + 1}, {cell.method}: {wall:.1f} s", flush=True)


def finished(cache: Path, cells: Iterable[Cell]) -> dict[Cell, dict[str, Any]]:
    """Return the figures of the cells that have finished."""
    paths = {cell: cell.path(cache) for cell in cells}
    return {cell: json.loads(path.read_text()) for cell, path in paths.items() if path.is_file()}
