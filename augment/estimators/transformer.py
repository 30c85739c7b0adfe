"""Fewer dimensions by an autoencoder, as a scikit-learn transformer."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array, check_is_fitted

from augment.errors import RequestError
from augment.estimators.learning import LearningEstimator, autoencoder_config, seeds_of
from augment.runtime.engine import graph_inputs
from augment.runtime.latents import decoded
from augment.runtime.prediction import with_novelty
from augment.training.config import TrainConfig
from augment.training.learnt import learn

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AutoencoderTransformer"]


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, LearningEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Reduces records to a few numbers by an autoencoder that starts as PCA of the same width.

    Numbers, categories, booleans, dates and missing cells come as they are: nothing needs scaling or
    encoding before. Numbers are standardised, and their squared error is what is made small.

    Args:
        n_components: Width of the bottleneck; None: half the features, at most 32.
        hidden: Widths of the encoder's hidden layers; the decoder has them the other way round.
        tied: The decoder's weights are the encoder's, transposed.
        mask: Share of the cells that are hidden in training: a denoising autoencoder.
        swap: Share that another record's take the place of.
        gaussian: Standard deviation of the noise on numbers.
        salt_and_pepper: Share of numbers set to an extreme.
        as_array: Whether a row of a matrix is one array whose elements have one scale, as the pixels of an
            image have; or the array's shape. None: of 64 columns or more it is.
        max_steps: Of training, at most; None: by the number of rows.
        random_state: Of training; an integer makes results repeatable. None: the seed of `config`, if it
            is given.
        config: All other settings of training.

    Attributes:
        learnt_: The trained model.
        reconstruction_loss_: Mean loss of a held-out record.
        n_features_in_: Number of features.
        feature_names_in_: Their names, if all are text.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> features = load_iris().data
        >>> AutoencoderTransformer(n_components=2, max_steps=20, random_state=0).fit_transform(features).shape
        (150, 2)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, 1024, closed="both"), None],
        "hidden": [tuple, list],
        "tied": ["boolean"],
        "mask": [Interval(Real, 0, 1, closed="left")],
        "swap": [Interval(Real, 0, 1, closed="left")],
        "gaussian": [Interval(Real, 0, 10, closed="both")],
        "salt_and_pepper": [Interval(Real, 0, 1, closed="left")],
        "as_array": ["boolean", tuple, None],
        "max_steps": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "config": [TrainConfig, None],
    }

    def __init__(  # noqa: PLR0913 - an estimator's settings
        self,
        n_components: int | None = None,
        *,
        hidden: tuple[int, ...] = (256,),
        tied: bool = False,
        mask: float = 0.0,
        swap: float = 0.0,
        gaussian: float = 0.0,
        salt_and_pepper: float = 0.0,
        as_array: bool | tuple[int, ...] | None = None,
        max_steps: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        config: TrainConfig | None = None,
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.tied = tied
        self.mask = mask
        self.swap = swap
        self.gaussian = gaussian
        self.salt_and_pepper = salt_and_pepper
        self.as_array = as_array
        self.max_steps = max_steps
        self.random_state = random_state
        self.config = config

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803 - scikit-learn's
        """Learn features; `y` is ignored."""
        del y
        table = self._first_table(X, as_array=self.as_array)
        self.learnt_ = learn(table, self._table.schema(table), self._config())
        self.reconstruction_loss_ = self.learnt_.trained["autoencoder"].report.heldout_loss
        self._n_features_out = self.learnt_.trained["autoencoder"].finished.latent_dim
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's
        """Return latent vectors, (N, n_components)."""
        check_is_fitted(self)
        encoded = self._encoded(self._checked(X, reset=False))
        latent: NDArray[np.float32] = self.learnt_.engine.run("encode", graph_inputs(encoded))["latent"]
        return latent

    def inverse_transform(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's
        """Return the records that stand for latent vectors, as the features came."""
        check_is_fitted(self)
        latent = check_array(X, dtype=np.float32)
        if latent.shape[1] != self._n_features_out:
            raise RequestError.of("X", f"must have {self._n_features_out} columns", latent.shape[1])
        return self._table.features(decoded(self.learnt_.engine, latent))

    def score_samples(self, X: Any) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's
        """Return minus the distance of each record from its reconstruction: odd records score lower.

        Less what lies outside the training rows: numbers beyond their range and categories never seen.
        """
        check_is_fitted(self)
        given, codec = self._conformed(self._checked(X, reset=False)), self.learnt_.codec
        told = self.learnt_.engine.run("score", graph_inputs(codec.encode(given)[0]))["score"]
        return -with_novelty(told, codec.novelty(given))

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803 - scikit-learn's
        """Return the mean of `score_samples`."""
        del y
        return float(self.score_samples(X).mean())

    def _config(self) -> TrainConfig:
        autoencoder = autoencoder_config(
            self.config,
            latent_dim=self.n_components,
            hidden=tuple(self.hidden),
            tied=self.tied,
            mask=self.mask,
            swap=self.swap,
            gaussian=self.gaussian,
            salt_and_pepper=self.salt_and_pepper,
        )
        seed, _ = seeds_of(self.random_state, self.config)
        changes = {"models": ("autoencoder",), "autoencoder": autoencoder, "seed": seed}
        if self.max_steps is not None:
            changes["max_steps"] = self.max_steps
        return (self.config or TrainConfig()).model_copy(update=changes)

    def __sklearn_tags__(self) -> Any:
        """Return what is supported."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
