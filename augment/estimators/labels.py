"""Labels with gaps, as NumPy and pandas have them."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d

from augment.errors import RecordsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["labelled_rows", "plain_labels"]

_MOST_EXACT = 2**53
"""Whole numbers beyond are not told apart as floats."""


def labelled_rows(features: Any, y: Any, unlabeled: Any) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return which rows have a label, and these labels.

    Args:
        features: As many rows as there are labels.
        y: Labels; NaN, None and NA say that a row has none.
        unlabeled: A value that says so too; None: no other does.

    Raises:
        RecordsError: There is no label at all.
    """
    labels = _checked(features, y)
    there: NDArray[np.bool_] = ~np.asarray(pd.isna(labels), np.bool_)
    if unlabeled is not None:
        there[there] = np.asarray(labels[there] != unlabeled, np.bool_)
    if not there.any():
        gaps = "NaN, None and NA" if unlabeled is None else f"NaN, None, NA and unlabeled={unlabeled!r}"
        remedy = f"Every other value of y is a label; {gaps} say that a row has none"
        raise RecordsError.of("y", "must have a label at least", f"none in {len(labels)} rows", remedy)
    return there, labels[there]


def plain_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels in the type that they had before gaps made them objects or floats.

    Whole numbers are integers, so that classes are called 0 and 1 rather than 0.0 and 1.0.
    """
    if labels.dtype == object:
        if all(isinstance(each, bool | np.bool_) for each in labels):
            return labels.astype(np.bool_)
        if all(isinstance(each, Integral) for each in labels):
            return labels.astype(np.int64)
        if not all(isinstance(each, Real) for each in labels):
            return labels
        labels = labels.astype(np.float64)
    if labels.dtype.kind == "f" and bool(((labels % 1 == 0) & (np.abs(labels) < _MOST_EXACT)).all()):
        return labels.astype(np.int64)
    return labels


def _checked(features: Any, y: Any) -> NDArray[Any]:
    """Return labels as an array of one dimension, one a row."""
    if y is None:
        raise RecordsError.of("y", "must be there: requires y to be passed, but the target y is None", None)
    labels: NDArray[Any] = column_or_1d(y.to_numpy() if isinstance(y, pd.Series) else y, warn=True)
    check_consistent_length(features, labels)
    if labels.dtype.kind == "f":
        assert_all_finite(labels, allow_nan=True, input_name="y")
    return labels
