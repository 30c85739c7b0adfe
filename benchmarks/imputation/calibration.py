"""Whether the spread of draws, and the confidence of best guesses, is what it says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from imputation.scoring import expected_calibration_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.runtime import Model
    from imputation.coding import Coding
    from imputation.holes import Holes

__all__ = ["DRAWS", "draw_figures"]

DRAWS = 19
"""So that the 1st and 19th draw enclose 90 %, the 5th and 15th 50 % of what comes from the same source."""
_EQUAL = 1e-12
_ENCLOSING = {"coverage_90": 1, "coverage_50": 5}


def draw_figures(
    coding: Coding, model: Model, holes: Holes, truth: NDArray[np.float64], hidden: NDArray[np.bool_]
) -> dict[str, float]:
    """Return coverage of intervals for numbers, Brier scores and calibration errors for categories.

    A number's place among its draws is its rank, drawn at random among equal ones: so that columns of
    few values have a coverage of 90 %, too, where draws are right. `brier` is the sum of squares over
    categories of the share of draws less the truth, corrected for the number of draws (the mean over
    pairs of draws); `brier_marginal` that of the training frequencies.
    """
    started = time.process_time()
    tables = model.denoise(holes.table, draws=DRAWS, seed=1).tables
    seconds = time.process_time() - started
    draws = np.stack([coding.matrix(table) for table in tables])
    confidences = model.denoise(holes.table, threshold=0)
    best = coding.matrix(confidences.records)
    confidence = np.stack([confidences.confidence[name].to_numpy() for name in coding.names], axis=1)
    category = np.array([coding.is_category(index) for index in range(len(coding.names))])
    figures = {"draw_seconds": seconds}
    if (hidden & ~category).any():
        where = hidden & ~category
        figures |= _coverage(draws[:, where], truth[where])
        figures["rmse_of_mean_of_draws"] = float(
            np.sqrt(np.square(draws[:, where].mean(axis=0) - truth[where]).mean())
        )
    if (hidden & category).any():
        where = hidden & category
        right = best[where] == truth[where]
        figures["confidence_error"] = expected_calibration_error(confidence[where].astype(float), right)
        figures["brier"] = _brier(draws[:, where], truth[where])
        figures["accuracy_of_one_draw"] = float((draws[0][where] == truth[where]).mean())
    return figures


def _coverage(draws: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, float]:
    """Return the share of truths between the k-th and the k-th last draw, ties broken at random."""
    generator = np.random.default_rng(0)
    below, equal = (draws < truth - _EQUAL).sum(axis=0), (np.abs(draws - truth) <= _EQUAL).sum(axis=0)
    rank = below + generator.integers(0, equal + 1)
    return {name: float(((rank >= k) & (rank <= len(draws) - k)).mean()) for name, k in _ENCLOSING.items()}


def _brier(draws: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Return the mean of 1 - 2 p(truth) + sum p^2, the latter from pairs of different draws."""
    count = len(draws)
    hits = (draws == truth).mean(axis=0)
    agree = sum((draws[i] == draws[i + 1 :]).sum(axis=0) for i in range(count - 1)) / (
        count * (count - 1) / 2
    )
    return float((1 - 2 * hits + agree).mean())
