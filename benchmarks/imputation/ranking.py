"""Ranks and wins: how the methods stand to one another over data sets, patterns and measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["errors_of", "mean_ranks", "speed_ratio", "wins_against"]

_TIE = 1e-9


def errors_of(filled: Mapping[str, Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return each method's errors (RMSE, share of wrong categories) of one data set, in one order."""
    return {
        method: [
            error
            for figures in patterns.values()
            for error in (figures.get("rmse"), _wrong(figures))
            if error is not None
        ]
        for method, patterns in filled.items()
    }


def mean_ranks(sets: Mapping[str, Any], methods: Sequence[str]) -> dict[str, float]:
    """Return the mean rank of each method, 1 the best, over all errors of all data sets."""
    ranks: dict[str, list[float]] = {method: [] for method in methods}
    for found in sets.values():
        errors = errors_of({method: found["filled"][method] for method in methods})
        for row in zip(*errors.values(), strict=True):
            for method, error in zip(errors, row, strict=True):
                better, equal = (
                    np.sum(np.array(row) < error - _TIE),
                    np.sum(np.abs(np.array(row) - error) <= _TIE),
                )
                ranks[method].append(float(better + (equal + 1) / 2))
    return {method: float(np.mean(each)) for method, each in ranks.items()}


def wins_against(sets: Mapping[str, Any], method: str, rival: str) -> dict[str, float]:
    """Return for each data set the geometric mean of `method`'s errors over `rival`'s: below 1 is a win."""
    ratios = {}
    for name, found in sets.items():
        errors = errors_of(found["filled"])
        ratio = np.array(errors[method]) / np.maximum(np.array(errors[rival]), 1e-12)
        ratios[name] = float(np.exp(np.mean(np.log(ratio))))
    return ratios


def speed_ratio(found: Mapping[str, Any], method: str, rival: str) -> float:
    """Return how many times faster `method` is applied, over all patterns of a data set."""
    own, other = (
        sum(figures["seconds"] for figures in found["filled"][each].values()) for each in (method, rival)
    )
    return float(other / own)


def _wrong(figures: Mapping[str, float]) -> float | None:
    return 1 - figures["accuracy"] if "accuracy" in figures else None
