"""Filling gaps by a denoising autoencoder, as a scikit-learn transformer."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from augment.data import conform
from augment.estimators.learning import LearningEstimator, seeds_of
from augment.runtime.denoising import denoised
from augment.training.config import TrainConfig
from augment.training.learnt import learn

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.runtime.results import Denoised

__all__ = ["DenoisingImputer"]


class DenoisingImputer(OneToOneFeatureMixin, TransformerMixin, LearningEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Fills missing cells with what a denoising autoencoder holds likeliest, given the rest of each record.

    Numbers get their mean given the rest, at the nearest value that the column can hold; categories, booleans
    and dates the likeliest value. All other cells keep their bits, values that training never saw among
    them. A column without any value in training, and free text, stay as they are.

    Args:
        numbers: What stands for a number: its `mean` or its `median`.
        threshold: Cells that are there are replaced where the probability that they are intact is below
            this, and categories never seen in training always; 0: only missing ones are filled.
        max_steps: Of training, at most; None: by the number of rows.
        random_state: Of training; an integer makes results repeatable. None: the seed of `config`, if it
            is given.
        config: All other settings of training.

    Attributes:
        learnt_: The trained model.
        n_features_in_: Number of features.
        feature_names_in_: Their names, if all are text.

    Example:
        >>> features = np.random.default_rng(0).normal(size=(50, 3))
        >>> features[0, 0] = np.nan
        >>> bool(np.isnan(DenoisingImputer(max_steps=20, random_state=0).fit_transform(features)).any())
        False
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "numbers": [StrOptions({"mean", "median"})],
        "threshold": [Interval(Real, 0, 1, closed="both")],
        "max_steps": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "config": [TrainConfig, None],
    }

    def __init__(
        self,
        *,
        numbers: str = "mean",
        threshold: float = 0.0,
        max_steps: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        config: TrainConfig | None = None,
    ) -> None:
        self.numbers = numbers
        self.threshold = threshold
        self.max_steps = max_steps
        self.random_state = random_state
        self.config = config

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803 - scikit-learn's
        """Learn features; `y` is ignored."""
        del y
        table = self._first_table(X, as_array=False)
        seed, _ = seeds_of(self.random_state, self.config)
        changes: dict[str, Any] = {"models": ("imputer",), "seed": seed}
        if self.max_steps is not None:
            changes["max_steps"] = self.max_steps
        config = (self.config or TrainConfig()).model_copy(update=changes)
        self.learnt_ = learn(table, self._table.schema(table), config)
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's
        """Return the features without gaps, as they came: a DataFrame in its types, or a matrix."""
        check_is_fitted(self)
        X = self._checked(X, reset=False)  # noqa: N806 - scikit-learn's
        codec = self.learnt_.codec
        given = conform(self._table.table(X), codec.schema, partial=True)
        made = denoised(
            self.learnt_.engine,
            given,
            threshold=self.threshold,
            mean=self.numbers == "mean",
            absent=frozenset(),
            first_row=0,
        )
        if isinstance(X, pd.DataFrame):
            return _filled(X, self._table.names, made, only_gaps=self.threshold == 0)
        columns = [made.records.column(name).to_numpy(zero_copy_only=False) for name in self._table.names]
        filled = np.stack(columns, axis=1).astype(np.float64)
        if self.threshold > 0:
            return filled
        own = np.asarray(X.toarray() if sparse.issparse(X) else X, np.float64)
        return np.where(np.isnan(own), filled, own)

    def __sklearn_tags__(self) -> Any:
        """Return what is supported."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64"]
        return tags


def _filled(frame: pd.DataFrame, names: tuple[str, ...], made: Denoised, *, only_gaps: bool) -> pd.DataFrame:
    """Return a frame with the changed cells as made, in the frame's types.

    A model knows a category that it never saw as little as a missing cell: `only_gaps` lets it stand.
    """
    columns = []
    for place, name in enumerate(names):
        own = frame.iloc[:, place]
        if name in made.records.column_names:
            changed = made.changed.column(name).to_numpy()
            own = _merged(
                own, made.records.column(name), changed & own.isna().to_numpy() if only_gaps else changed
            )
        columns.append(own)
    filled = pd.concat(columns, axis=1)
    filled.columns = frame.columns
    return filled


def _merged(own: pd.Series[Any], made: pa.ChunkedArray, changed: NDArray[np.bool_]) -> pd.Series[Any]:
    """Return a column with the changed cells as made; its categories become more where they have to."""
    if not changed.any():
        return own
    fresh = made.to_pandas()
    fresh.index = own.index
    if isinstance(own.dtype, pd.CategoricalDtype):
        values = pd.Index(fresh[changed].astype(object).unique())
        own = own.cat.add_categories(values.difference(own.cat.categories, sort=False))
    return own.where(~changed, fresh.astype(own.dtype))
