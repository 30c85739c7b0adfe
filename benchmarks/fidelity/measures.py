"""What the tables tell of a cell, and which way is better."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fidelity.store import Cell

__all__ = ["MEASURES", "Measure", "Spread", "quietest", "spread_of"]

_SAME_LOAD = 0.5


@dataclass(frozen=True)
class Measure:
    """A figure of a cell.

    Attributes:
        title: In the tables.
        form: How it is written.
        better: Which way; None where neither is.
        read: Takes it from a cell; None where the cell has it not.
        floor: Takes from a cell what a fresh real sample gets, as the judge says; None: nothing.
        by_the_clock: A time by the clock, which the machine's load lengthens.
    """

    title: str
    form: str
    better: Literal["low", "high"] | None
    read: Callable[[Cell], float | None]
    floor: Callable[[Cell], float | None] = lambda _: None
    by_the_clock: bool = False

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


def spread_of(read: Callable[[Cell], float | None], cells: Iterable[Cell]) -> Spread | None:
    """Return what is read from those cells that have it; None where none has."""
    values = [value for value in map(read, cells) if value is not None]
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))


def quietest(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells that ran at the lowest load: the higher of those before and after, within a half."""
    loads = [(max(cell.times.get("load_average", [float("inf")])), cell) for cell in cells if cell.finished]
    lowest = min((load for load, _ in loads), default=0.0)
    return [cell for load, cell in loads if load <= lowest + _SAME_LOAD]


def _figure(name: str, factor: float = 1.0, *, which: int = 0) -> Callable[[Cell], float | None]:
    def read(cell: Cell) -> float | None:
        value = cell.figures.get(name, [None, None])[which]
        return None if value is None else factor * value

    return read


def _judged(
    title: str, form: str, better: Literal["low", "high"] | None, name: str, factor: float = 1.0
) -> Measure:
    """Return the measure of one of the judge's figures."""
    return Measure(title, form, better, _figure(name, factor), _figure(name, factor, which=1))


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


MEASURES = {
    "auc": _judged("detection AUC", ".3f", None, "fidelity.detection_auc"),
    "distance": Measure("its distance from .5", ".3f", "low", _distance),
    "logistic": _judged("logistic AUC", ".3f", None, "fidelity.detection_auc_logistic"),
    "shape": _judged("shape error, %", ".2f", "low", "fidelity.shape_error", 100),
    "trend": _judged("trend error, %", ".2f", "low", "fidelity.trend_error", 100),
    "alpha": _judged("alpha-precision", ".3f", None, "fidelity.alpha_precision"),
    "beta": _judged("beta-recall", ".3f", None, "fidelity.beta_recall"),
    "utility_real": _judged("trained on real", ".3f", None, "utility.trained_on_real"),
    "utility_gap": Measure("trained on synthetic: below real by", ".3f", "low", _utility_gap),
    "utility_both": _judged("trained on both", ".3f", "high", "utility.trained_on_both"),
    "dcr_share": _judged("nearer to train", ".3f", None, "privacy.dcr_share"),
    "nndr": _judged("NNDR", ".3f", None, "privacy.nndr"),
    "copies": _judged("exact copies, share", ".4f", "low", "privacy.exact_copies"),
    "membership": _judged("membership AUC", ".3f", None, "privacy.membership_auc"),
    "fit": Measure("fit, s", ".1f", "low", _time("fit_seconds"), by_the_clock=True),
    "training": Measure("training alone, s", ".1f", None, _detail("training_seconds"), by_the_clock=True),
    "fit_cpu": Measure("fit, CPU s", ".1f", None, _time("fit_cpu_seconds")),
    "speed": Measure("rows/s", ",.0f", "high", _time("rows_per_s"), by_the_clock=True),
    "load": Measure(
        "load", ".1f", None, lambda cell: cell.times.get("load_average", [None])[0], by_the_clock=True
    ),
    "peak": Measure("peak MiB", ",.0f", None, _time("peak_mib")),
}
"""By short name."""
