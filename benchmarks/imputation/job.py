"""All figures of one data set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from imputation.bundles import denoiser_of, training_seconds, vae_of
from imputation.calibration import draw_figures
from imputation.coding import Coding
from imputation.holes import PATTERNS, holes_of, swaps_of
from imputation.interpolation import interpolation_figures
from imputation.methods import Forest, Means, Neighbours, Ours
from imputation.repairing import repair_figures
from imputation.scoring import filled_figures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from augment.runtime import Model
    from imputation.datasets import Dataset, Split
    from imputation.methods import Filler
    from imputation.store import Store

__all__ = ["INTERPOLATED", "METHODS", "Job"]

INTERPOLATED = ("adult", "california_housing")
WAYS = ("guided", "linear")
METHODS = ("augment, mean", "augment, median", "IterativeImputer, ExtraTrees", "kNN", "mean/mode")
_MOST_ROWS, _QUICK_ROWS = 4_000, 300
_ORDER_SEED = 5


@dataclass(frozen=True)
class Job:
    """One data set to work through.

    Attributes:
        dataset: Which.
        data: The directory of data files.
        cache: Of this run.
        store: In it.
        threads: Of every method.
        quick: Few steps, trees and rows: to see that it works.
    """

    dataset: Dataset
    data: Path
    cache: Path
    store: Store
    threads: int
    quick: bool

    @cached_property
    def split(self) -> Split:
        """The rows."""
        return self.dataset.read(self.data)

    @cached_property
    def rows(self) -> pa.Table:
        """The held-out rows that all methods are asked about: at most 4,000 of them."""
        most = min(_QUICK_ROWS if self.quick else _MOST_ROWS, self.split.holdout.num_rows)
        order = np.random.default_rng(_ORDER_SEED).permutation(self.split.holdout.num_rows)
        return self.split.holdout.take(np.sort(order[:most])).combine_chunks()

    @cached_property
    def coding(self) -> Coding:
        """Tables as numbers."""
        return Coding.of(self.split)

    @cached_property
    def model(self) -> Model:
        """The denoiser."""
        return denoiser_of(self.dataset.name, self.split, self.cache, quick=self.quick, threads=self.threads)

    def run(self) -> dict[str, Any]:
        """Return every figure of this data set."""
        name = self.dataset.name
        filled = {method: self._filled(method) for method in METHODS}
        draws = {
            pattern: self.store.answer((name, "draws", pattern), partial(self._draws, pattern))
            for pattern in PATTERNS
        }
        found: dict[str, Any] = {
            "rows": {"train": self.split.train.num_rows, "scored": self.rows.num_rows},
            "columns": {"numbers": len(self.split.numbers), "categories": len(self.split.categories)},
            "training_seconds": training_seconds(name, self.cache),
            "filled": filled,
            "draws": draws,
            "repair": self.store.answer((name, "repair"), self._repair),
        }
        if name in INTERPOLATED:
            found["interpolation"] = {
                method: self.store.answer((name, "interpolation", method), partial(self._interpolate, method))
                for method in WAYS
            }
        return found

    def _filled(self, method: str) -> dict[str, dict[str, float]]:
        """Return the figures of one method for each pattern; it learns once, if at all."""
        learnt: list[Filler] = []
        return {
            pattern: self.store.answer(
                (self.dataset.name, "filled", method, pattern),
                partial(self._fill, method, pattern, learnt),
            )
            for pattern in PATTERNS
        }

    def _fill(self, method: str, pattern: str, learnt: list[Filler]) -> dict[str, float]:
        if not learnt:
            learnt.append(self._learn(method))
        holes = holes_of(self.split, self.rows, pattern)
        truth = self.coding.matrix(self.rows)
        filled = learnt[0].fill(holes.table)
        figures = filled_figures(self.coding, filled.matrix, truth, holes.hidden & ~np.isnan(truth))
        return figures | {"seconds": filled.seconds}

    def _learn(self, method: str) -> Filler:
        coding, train = self.coding, self.split.train
        learners: dict[str, Callable[[], Filler]] = {
            "augment, mean": lambda: Ours(coding, self.model, "mean"),
            "augment, median": lambda: Ours(coding, self.model, "median"),
            "IterativeImputer, ExtraTrees": lambda: Forest(
                coding, train, jobs=self.threads, trees=10 if self.quick else 100
            ),
            "kNN": lambda: Neighbours(coding, train),
            "mean/mode": lambda: Means(coding, train),
        }
        return learners[method]()

    def _draws(self, pattern: str) -> dict[str, float]:
        holes = holes_of(self.split, self.rows, pattern)
        truth = self.coding.matrix(self.rows)
        return draw_figures(self.coding, self.model, holes, truth, holes.hidden & ~np.isnan(truth))

    def _repair(self) -> dict[str, float]:
        truth = self.coding.matrix(self.rows)
        return repair_figures(self.coding, self.model, swaps_of(self.rows), truth)

    def _interpolate(self, method: str) -> dict[str, float]:
        """Return the figures of ways by the denoiser itself, or through the latent space of a VAE."""
        split, name = self.split, self.dataset.name
        model = (
            self.model
            if method == "guided"
            else vae_of(name, split, self.cache, quick=self.quick, threads=self.threads)
        )
        return interpolation_figures(model, method, self.model, split, self.rows, self.dataset.target)
