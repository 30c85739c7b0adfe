"""The cache: a directory for each data set, method, seed and number of threads. What is finished stays."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fidelity.cell import FIGURES, TIMES

if TYPE_CHECKING:
    from pathlib import Path

    from fidelity.datasets import Dataset
    from fidelity.methods import Method

__all__ = ["Cell", "Store"]

_FAILURE = "failure.json"


@dataclass(frozen=True)
class Cell:
    """One method on one data set with one seed: its directory and what stands in there."""

    dataset: Dataset
    method: Method
    seed: int
    directory: Path

    @property
    def label(self) -> str:
        """Return its name for people."""
        return f"{self.dataset.name}, {self.method.name}, seed {self.seed}"

    @property
    def finished(self) -> bool:
        """Whether the rows and times are there: the times are written last."""
        return (self.directory / TIMES).is_file()

    @property
    def times(self) -> dict[str, Any]:
        """Return what the cell measured; empty where it has not finished."""
        return _read(self.directory / TIMES)

    @property
    def figures(self) -> dict[str, list[float | None]]:
        """Return the judge's figures, each with its floor; empty where it has not been judged."""
        return _read(self.directory / FIGURES)

    @property
    def failure(self) -> dict[str, Any]:
        """Return why it did not finish: `reason`, and `minutes` where a budget was spent."""
        return _read(self.directory / _FAILURE)

    def clear(self) -> None:
        """Forget everything, and make the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)

    def fail(self, reason: str, *, minutes: float | None = None) -> None:
        """Write down why it did not finish."""
        text = json.dumps({"reason": reason, "minutes": minutes})
        (self.directory / _FAILURE).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Store:
    """Where the cells are.

    Attributes:
        root: The cache directory.
        threads: That the cells may use: times of one number of threads say nothing of another.
    """

    root: Path
    threads: int

    def cell(self, dataset: Dataset, method: Method, seed: int) -> Cell:
        """Return a cell; it may not have run."""
        name = f"seed-{seed}-threads-{self.threads}"
        return Cell(dataset, method, seed, self.root / dataset.name / method.slug / name)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value
