"""What the estimators that learn features share: input, training, and the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from augment.data import conform
from augment.errors import RecordsError, RequestError
from augment.estimators.feature_table import FeatureTable
from augment.estimators.frames import require_columns
from augment.training.config import AutoencoderConfig, TrainConfig

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    from augment.data import Encoded
    from augment.training.learnt import Learnt

__all__ = ["LearningEstimator", "autoencoder_config", "seed_of", "seeds_of"]

_FEWEST_ROWS = 2


class LearningEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """DataFrames of mixed columns, or matrices of numbers, in which NaN is a missing cell.

    Attributes:
        n_features_in_: Number of features.
        feature_names_in_: Their names, if all are text.
    """

    learnt_: Learnt
    _table: FeatureTable

    def to_bundle(self, path: Path | str) -> Path:
        """Publish what was learnt as the next version of a model, for the server to host.

        Args:
            path: The model's directory, `models/name`. The records of the bundle have the DataFrame's
                columns; those of a matrix are called x0, x1 and so on, or are one array, x.

        Returns:
            The bundle's directory, `models/name/version`.
        """
        check_is_fitted(self)
        return self.learnt_.publish(path)

    def _checked(self, X: Any, *, reset: bool) -> Any:  # noqa: N803 - scikit-learn's
        """Check features; DataFrames stay as they are."""
        if isinstance(X, pd.DataFrame):
            require_columns(X)
            validate_data(self, X=X, reset=reset, skip_check_array=True)
            if len(X) < (_FEWEST_ROWS if reset else 1):
                raise RecordsError.of("rows", f"must be at least {_FEWEST_ROWS if reset else 1}", len(X))
            return X
        return validate_data(
            self,
            X=X,
            reset=reset,
            accept_sparse=["csr", "csc"],
            ensure_all_finite="allow-nan",
            ensure_min_samples=_FEWEST_ROWS if reset else 1,
        )

    def _first_table(self, X: Any, *, as_array: bool | tuple[int, ...] | None) -> pa.Table:  # noqa: N803
        """Check parameters and features, remember how the features came, and return them as a table."""
        self._validate_params()
        X = self._checked(X, reset=True)  # noqa: N806 - scikit-learn's
        self._table = FeatureTable.of(X, as_array=as_array)
        return self._table.table(X)

    def _encoded(self, X: Any) -> Encoded:  # noqa: N803 - scikit-learn's
        """Return features as the models see them."""
        return self.learnt_.codec.encode(self._conformed(X))[0]

    def _conformed(self, X: Any) -> pa.Table:  # noqa: N803 - scikit-learn's
        """Return features as records; cells may be missing that never were in training."""
        return conform(self._table.table(X), self.learnt_.codec.schema, partial=True)

    def __sklearn_tags__(self) -> Any:
        """Return what is supported."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags


def seeds_of(
    random_state: int | np.random.RandomState | None, config: TrainConfig | None
) -> tuple[int, np.random.RandomState]:
    """Return the seed of training, and what further seeds are drawn from.

    `random_state` goes first where it is given; then `config.seed`; with neither, each fit differs.
    """
    if config is None or random_state is not None:
        random = check_random_state(random_state)
        return seed_of(random), random
    return config.seed, check_random_state(config.seed % 2**32)


def seed_of(random: np.random.RandomState) -> int:
    """Return a seed for training."""
    return int(random.randint(2**31 - 1))


def autoencoder_config(config: TrainConfig | None, **own: Any) -> AutoencoderConfig:
    """Return the settings of an autoencoder: an estimator's own, and all others as configured.

    Args:
        config: May set what the estimator has no parameter for.
        own: What it has one for, by the setting's name.

    Raises:
        RequestError: The configuration says something else of one of its own.
    """
    base = config.autoencoder if config is not None else AutoencoderConfig()
    for name in sorted(base.model_fields_set & own.keys()):
        told = getattr(base, name)
        if told is not None and told != own[name]:
            parameter = "n_components" if name == "latent_dim" else name
            rule = f"must be left to the estimator's {parameter}, which is {own[name]!r}"
            remedy = f"Set {parameter} of the estimator, not in config"
            raise RequestError.of(f"config.autoencoder.{name}", rule, told, remedy)
    return base.model_copy(update=own)
