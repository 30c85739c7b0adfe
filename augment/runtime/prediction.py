"""What is predicted of records, and how unusual they are among those of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from augment.bundle import Prediction

__all__ = ["percentiles", "prediction_table"]


def prediction_table(outputs: Mapping[str, NDArray[Any]], prediction: Prediction) -> pa.Table:
    """Return what the graph `predict` gave as a table: the prediction, then a probability a class."""
    kind = pa.type_for_alias(prediction.storage)
    if not prediction.classes:
        return pa.table({"prediction": pa.array(outputs["value"].astype(np.float64)).cast(kind)})
    probabilities = outputs["probabilities"]
    classes = pa.array(prediction.classes, pa.string()).cast(kind)
    likeliest = classes.take(pa.array(probabilities.argmax(axis=1)))
    names = [f"probability_{name}" for name in prediction.classes]
    columns = [pa.array(np.ascontiguousarray(column)) for column in probabilities.T]
    return pa.table([likeliest, *columns], names=["prediction", *names])


def percentiles(scores: NDArray[np.float32], quantiles: Sequence[float]) -> NDArray[np.float32]:
    """Return what percentage of held-out training rows scores lower, between quantiles by interpolation."""
    places = np.linspace(0, 100, len(quantiles))
    return np.interp(scores, np.asarray(quantiles), places).astype(np.float32)
