"""What is predicted of records, and how unusual they are among those of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from augment.runtime.latents import run_on_stack
from augment.runtime.results import Predictions, Scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from augment.bundle import Prediction
    from augment.runtime.engine import Engine
    from augment.runtime.stack import Stack

__all__ = ["percentiles", "predicted", "prediction_table", "scored", "with_novelty"]


def predicted(engine: Engine, stack: Stack, prediction: Prediction) -> list[Predictions]:
    """Return what the graph `predict` says of each caller's records."""
    outputs, unseen = run_on_stack(engine, "predict", stack)
    made = [
        prediction_table({name: array[span] for name, array in outputs.items()}, prediction)
        for span in stack.spans
    ]
    return [
        Predictions(table, prediction.target, prediction.classes, told)
        for table, told in zip(made, unseen, strict=True)
    ]


def scored(engine: Engine, stack: Stack, quantiles: Sequence[float] | None) -> list[Scores]:
    """Return the scores of each caller's records, with percentiles where there are quantiles."""
    outputs, unseen = run_on_stack(engine, "score", stack)
    columns = {"score": with_novelty(outputs["score"], engine.codec.novelty(stack.table))}
    if quantiles is not None:
        columns["percentile"] = percentiles(columns["score"], quantiles)
    return [
        Scores(pa.table({name: array[span] for name, array in columns.items()}), told)
        for span, told in zip(stack.spans, unseen, strict=True)
    ]


def with_novelty(scores: NDArray[np.float32], novelty: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return what the graph `score` gave plus what it cannot see, `Codec.novelty`; finite."""
    limits = np.finfo(np.float32)
    return np.clip(scores + novelty, limits.min, limits.max).astype(np.float32)


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
