"""A regressor on an encoder that was trained on all rows, labelled or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from augment.bundle import Prediction
from augment.estimators.labels import labelled_rows
from augment.estimators.pretrained import Pretrained
from augment.models.predictor import Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["PretrainedRegressor"]


class PretrainedRegressor(RegressorMixin, Pretrained):  # type: ignore[misc]  # scikit-learn ships no types
    """Predicts a number by the features that a denoising autoencoder learnt of all rows, labelled or not.

    For few labels and many rows. Numbers, categories, booleans, dates and missing cells come as they are.
    The settings are those of `PretrainedClassifier`.

    Attributes:
        learnt_: The pretrained autoencoder.
        head_: What was fitted on its features.
        n_features_in_: Number of features.
        feature_names_in_: Their names, if all are text.
    """

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's
        """Return the value of each record."""
        check_is_fitted(self)
        if self.fitted_ is None:
            told = np.asarray(self.head_.predict(self._seen(X)), np.float64)
            values: NDArray[np.float64] = told.reshape(-1)
            return values
        return self._predicted(X)

    def _labels(self, X: Any, y: Any) -> tuple[NDArray[np.bool_], NDArray[Any]]:  # noqa: N803
        labelled, present = labelled_rows(X, y, self.unlabeled)
        values = present.astype(np.float64)
        self._mean, self._scale = float(values.mean()), float(values.std()) or 1.0
        return labelled, values

    def _prediction(self, target: str) -> Prediction:
        return Prediction(target=target, storage="double")

    def _reading(self) -> tuple[Reading, int]:
        return Reading("value", self._mean, self._scale), 1

    def _numbers(self, targets: NDArray[Any]) -> Tensor:
        return torch.from_numpy((targets - self._mean) / self._scale).float()
