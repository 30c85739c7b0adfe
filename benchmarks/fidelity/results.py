"""All cells that the cache has, as medians and spreads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fidelity.datasets import DATASETS
from fidelity.measures import MEASURES, quietest, spread_of
from fidelity.methods import METHODS

if TYPE_CHECKING:
    from fidelity.measures import Spread
    from fidelity.store import Cell, Store

__all__ = ["Results"]


@dataclass(frozen=True)
class Results:
    """The cells of every data set and method.

    Attributes:
        cells: By data set and method, a cell a seed; some may not have run.
        threads: That they used.
    """

    cells: dict[tuple[str, str], list[Cell]]
    threads: int

    @classmethod
    def of(cls, store: Store, seeds: int) -> Results:
        """Look at the cells of seeds 0 to `seeds - 1` of everything there is."""
        cells = {
            (dataset.name, method.name): [store.cell(dataset, method, seed) for seed in range(seeds)]
            for dataset in DATASETS.values()
            for method in METHODS.values()
        }
        return cls(cells, store.threads)

    def spread(self, dataset: str, method: str, measure: str) -> Spread | None:
        """Return a measure over the seeds, a time over the quietest of them; None where no cell has it."""
        cells = self.cells[dataset, method]
        return spread_of(MEASURES[measure].read, quietest(cells) if MEASURES[measure].by_the_clock else cells)

    def median(self, dataset: str, method: str, measure: str) -> float | None:
        """Return a measure's median over the seeds."""
        spread = self.spread(dataset, method, measure)
        return None if spread is None else spread.median

    def floor(self, dataset: str, method: str, measure: str) -> float | None:
        """Return what the judge says that a fresh real sample gets in the method's place."""
        spread = spread_of(MEASURES[measure].floor, self.cells[dataset, method])
        return None if spread is None else spread.median

    def ratio(self, dataset: str, ours: str, peer: str, measure: str) -> float | None:
        """Return our median over the peer's."""
        over, under = self.median(dataset, ours, measure), self.median(dataset, peer, measure)
        return None if over is None or not under else over / under

    def reason(self, dataset: str, method: str) -> str:
        """Return why a method has no figures on a data set."""
        cells = self.cells[dataset, method]
        reasons = {cell.failure["reason"] for cell in cells if cell.failure}
        if reasons:
            return "; ".join(sorted(reasons))
        return "not judged" if any(cell.finished for cell in cells) else "not run"

    def record(self) -> dict[str, Any]:
        """Return everything as JSON has it: what each cell measured, and the summary."""
        return {
            "threads": self.threads,
            "cells": [_cell_record(cell) for cells in self.cells.values() for cell in cells],
            "summary": {
                dataset: {method: self._summary(dataset, method) for method in METHODS}
                for dataset in DATASETS
            },
        }

    def _summary(self, dataset: str, method: str) -> dict[str, Any]:
        spreads = {name: self.spread(dataset, method, name) for name in MEASURES}
        there: dict[str, Any] = {
            name: asdict(spread) for name, spread in spreads.items() if spread is not None
        }
        return there or {"not_run": self.reason(dataset, method)}


def _cell_record(cell: Cell) -> dict[str, Any]:
    record: dict[str, Any] = {
        "dataset": cell.dataset.name,
        "method": cell.method.name,
        "seed": cell.seed,
        "finished": cell.finished,
    }
    if cell.finished:
        return {**record, "times": cell.times, "figures": cell.figures or None}
    return {**record, "not_run": cell.failure.get("reason", "not asked for")}
