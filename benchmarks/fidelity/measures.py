"""What the tables tell of a cell, and which way is better."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fidelity.store import Cell

__all__ = ["MEASURES", "Measure", "Spread", "spread_of"]


@dataclass(frozen=True)
class Measure:
    """A figure of a cell.

    Attributes:
        title: In the tables.
        form: How it is written.
        better: Which way; None where neither is.
        read: Takes it from a cell; None where the cell has it not.
    """

    title: str
    form: str
    better: Literal["low", "high"] | None
    read: Callable[[Cell], float | None]

    def text(self, value: float) -> str:
        """Return a value as the tables write it."""
        return format(value, self.form)


@dataclass(frozen=True)
class Spread:
    """A figure over the seeds: the median, and the lowest and highest."""

    median: float
    lowest: float
    highest: float
    seeds: int


def spread_of(measure: Measure, cells: Iterable[Cell]) -> Spread | None:
    """Return a measure over the seeds that have it; None where none has."""
    values = [value for value in map(measure.read, cells) if value is not None]
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))


def _figure(name: str, factor: float = 1.0) -> Callable[[Cell], float | None]:
    def read(cell: Cell) -> float | None:
        value = cell.figures.get(name, [None])[0]
        return None if value is None else factor * value

    return read


def _time(name: str) -> Callable[[Cell], float | None]:
    return lambda cell: cell.times.get(name)


def _detail(name: str) -> Callable[[Cell], float | None]:
    return lambda cell: cell.times.get("details", {}).get(name)


def _distance(cell: Cell) -> float | None:
    value = _figure("fidelity.detection_auc")(cell)
    return None if value is None else abs(value - 0.5)


def _utility_gap(cell: Cell) -> float | None:
    """Return how much worse than a model of real rows a model of synthetic rows is."""
    real = _figure("utility.trained_on_real")(cell)
    synthetic = _figure("utility.trained_on_synthetic")(cell)
    return None if real is None or synthetic is None else real - synthetic


def _copies_floor(cell: Cell) -> float | None:
    """Return the share of the holdout's own rows that are in the training rows too."""
    return cell.figures.get("privacy.exact_copies", [None, None])[1]


MEASURES = {
    "auc": Measure("detection AUC", ".3f", None, _figure("fidelity.detection_auc")),
    "distance": Measure("its distance from .5", ".3f", "low", _distance),
    "logistic": Measure("logistic AUC", ".3f", None, _figure("fidelity.detection_auc_logistic")),
    "shape": Measure("shape error, %", ".2f", "low", _figure("fidelity.shape_error", 100)),
    "trend": Measure("trend error, %", ".2f", "low", _figure("fidelity.trend_error", 100)),
    "alpha": Measure("alpha-precision", ".3f", None, _figure("fidelity.alpha_precision")),
    "beta": Measure("beta-recall", ".3f", None, _figure("fidelity.beta_recall")),
    "utility_real": Measure("trained on real", ".3f", None, _figure("utility.trained_on_real")),
    "utility_gap": Measure("trained on synthetic: below real by", ".3f", "low", _utility_gap),
    "utility_both": Measure("trained on both", ".3f", "high", _figure("utility.trained_on_both")),
    "dcr_share": Measure("nearer to train", ".3f", None, _figure("privacy.dcr_share")),
    "nndr": Measure("NNDR", ".3f", None, _figure("privacy.nndr")),
    "copies": Measure("exact copies, share", ".4f", "low", _figure("privacy.exact_copies")),
    "copies_floor": Measure("holdout's copies", ".4f", None, _copies_floor),
    "membership": Measure("membership AUC", ".3f", None, _figure("privacy.membership_auc")),
    "fit": Measure("fit, s", ".1f", "low", _time("fit_seconds")),
    "training": Measure("training alone, s", ".1f", None, _detail("training_seconds")),
    "fit_cpu": Measure("fit, CPU s", ".1f", None, _time("fit_cpu_seconds")),
    "speed": Measure("rows/s", ",.0f", "high", _time("rows_per_s")),
    "peak": Measure("peak MiB", ",.0f", None, _time("peak_mib")),
}
"""By short name."""
