"""How right what was filled in is, on the cells whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imputation.coding import Coding

__all__ = ["expected_calibration_error", "filled_figures"]

_BINS = 10


def filled_figures(
    coding: Coding, filled: NDArray[np.float64], truth: NDArray[np.float64], hidden: NDArray[np.bool_]
) -> dict[str, float]:
    """Return `rmse` and `rmse_unrounded` of standardised numbers, and `accuracy` of categories.

    Each is over all hidden cells of its kind. Numbers are rounded to the decimals of their column, as a
    table of its types must be.
    """
    numbers = np.array([not coding.is_category(index) for index in range(len(coding.names))])
    figures = {}
    where = hidden & numbers
    if where.any():
        figures["rmse"] = _rmse(coding.rounded(filled)[where], truth[where])
        figures["rmse_unrounded"] = _rmse(filled[where], truth[where])
    where = hidden & ~numbers
    if where.any():
        figures["accuracy"] = float((filled[where] == truth[where]).mean())
    return figures


def expected_calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the mean distance of confidence and accuracy over 10 bins of equal width, weighed by cells."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    error = 0.0
    for each in np.unique(bins):
        inside = bins == each
        error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return float(error)


def _rmse(filled: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(filled - truth))))
