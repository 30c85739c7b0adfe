"""A classifier on an encoder that was trained on all rows, labelled or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from augment.bundle import Prediction
from augment.errors import RecordsError
from augment.estimators.labels import labelled_rows, plain_labels
from augment.estimators.pretrained import Pretrained
from augment.models.predictor import Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["PretrainedClassifier"]

_STORAGE = {"b": "bool", "i": "int64", "u": "int64", "f": "double"}


class PretrainedClassifier(ClassifierMixin, Pretrained):  # type: ignore[misc]  # scikit-learn ships no types
    """Classifies by the features that a denoising autoencoder learnt of all rows, labelled or not.

    For few labels and many rows. Numbers, categories, booleans, dates and missing cells come as they are.

    Args:
        head: None: an MLP; or any scikit-learn estimator, which sees the encoder's features.
        fine_tune: Whether the encoder's weights change under the head; else they are frozen. Needs the MLP.
        hidden: Widths of the encoder's hidden layers.
        n_components: Width of the bottleneck that the encoder is trained with.
        swap: Share of the cells that another record's take the place of in pretraining.
        mask: Share that is hidden.
        gaussian: Standard deviation of the noise on numbers.
        layerwise_steps: A stacked autoencoder: each layer is first trained alone for so many steps on the
            features of the one before.
        inputs: Whether the head sees the records themselves beside the encoder's features.
        unlabeled: A value of `y` that says "no label", beside NaN and None.
        as_array: As in `AutoencoderTransformer`.
        max_steps: Of pretraining, at most; None: by the number of rows.
        head_steps: Of each head of an MLP, at most.
        random_state: Of training; an integer makes results repeatable. None: the seed of `config`, if it
            is given, for encoder and head.
        config: All other settings of pretraining.

    Attributes:
        classes_: The classes.
        learnt_: The pretrained autoencoder.
        head_: What was fitted on its features.
        n_features_in_: Number of features.
        feature_names_in_: Their names, if all are text.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> features, target = load_iris(return_X_y=True)
        >>> few = np.where(np.arange(150) % 10 == 0, target, np.nan)  # 15 labels
        >>> PretrainedClassifier(max_steps=50, random_state=0).fit(features, few).predict(features).shape
        (150,)
    """

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's
        """Return the probability of each of `classes_`, (N, K)."""
        check_is_fitted(self)
        if self.fitted_ is None:
            made: NDArray[np.float64] = self.head_.predict_proba(self._seen(X))
            return made
        return self._predicted(X)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 - scikit-learn's
        """Return the likeliest class of each record."""
        check_is_fitted(self)
        codes = self.head_.predict(self._seen(X)) if self.fitted_ is None else self._predicted(X).argmax(1)
        likeliest: NDArray[Any] = self.classes_[codes]
        return likeliest

    def _labels(self, X: Any, y: Any) -> tuple[NDArray[np.bool_], NDArray[Any]]:  # noqa: N803
        labelled, present = labelled_rows(X, y, self.unlabeled)
        present = plain_labels(present)
        check_classification_targets(present)
        self.classes_, codes = np.unique(present, return_inverse=True)
        if len(self.classes_) == 1:
            rule = "must have 2 classes or more: the classifier can't train on 1 class"
            remedy = "Give labelled rows of another class too"
            raise RecordsError.of("y", rule, f"only {self.classes_.tolist()[0]}", remedy)
        return labelled, codes

    def _prediction(self, target: str) -> Prediction:
        storage = _STORAGE.get(self.classes_.dtype.kind, "string")
        names = [str(each).lower() if storage == "bool" else str(each) for each in self.classes_.tolist()]
        return Prediction(target=target, classes=tuple(names), storage=storage)

    def _reading(self) -> tuple[Reading, int]:
        return Reading("softmax"), len(self.classes_)

    def _numbers(self, targets: NDArray[Any]) -> Tensor:
        return torch.from_numpy(targets.astype(np.int64))
