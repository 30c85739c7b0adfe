"""scikit-learn models as torch modules, for the graph of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model._base import LinearModel
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline

from augment.errors import UnsupportedError
from augment.models.predictor import Layers, Reading

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["exported_head"]


def exported_head(head: Any) -> tuple[Layers, Reading]:
    """Return what computes the same as a fitted model, and how to read it.

    Raises:
        UnsupportedError: The model is none of those whose arithmetic is known here.
    """
    if isinstance(head, MLPClassifier):
        return _mlp(head), Reading("sigmoid" if head.out_activation_ == "logistic" else "softmax")
    if isinstance(head, MLPRegressor):
        return _mlp(head), Reading("value")
    if isinstance(head, LogisticRegression):
        kind = "sigmoid" if len(head.classes_) == 2 else "softmax"  # noqa: PLR2004 - binary
        return Layers([_tensor(head.coef_)], [_tensor(head.intercept_)], "identity"), Reading(kind)
    if isinstance(head, LinearModel):
        weight = np.atleast_2d(head.coef_)
        bias = np.broadcast_to(np.atleast_1d(head.intercept_), (1,))
        return Layers([_tensor(weight)], [_tensor(bias)], "identity"), Reading("value")
    name = head.steps[-1][1] if isinstance(head, Pipeline) else head
    raise UnsupportedError(
        f"head must be an MLP or a linear model of scikit-learn to go into a bundle, got "
        f"{type(name).__name__}: bundles hold standard ONNX operators only. Use head=None, "
        "LogisticRegression, MLPClassifier, MLPRegressor, Ridge or another linear regression"
    )


def _mlp(head: MLPClassifier | MLPRegressor) -> Layers:
    weights = [_tensor(each.T) for each in head.coefs_]
    return Layers(weights, [_tensor(each) for each in head.intercepts_], head.activation)


def _tensor(array: Any) -> Tensor:
    return torch.tensor(np.ascontiguousarray(array), dtype=torch.float32)
