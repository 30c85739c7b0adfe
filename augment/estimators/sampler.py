"""Oversampling by a denoising autoencoder, as imbalanced-learn does oversampling."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from augment.data import Encoded
from augment.estimators.frames import (
    CLASS,
    as_frame,
    learnable,
    like,
    merged,
    part_of_the_way,
    position_of,
    require_columns,
    require_names,
    schema_of,
)
from augment.estimators.redrawing import redrawn
from augment.estimators.small_data import config_for
from augment.training.config import TrainConfig
from augment.training.learnt import learn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["AutoencoderSampler"]


class AutoencoderSampler(BaseOverSampler):  # type: ignore[misc]  # imbalanced-learn ships no types
    """Adds records of rare classes, made by a denoising autoencoder that learnt all classes together.

    A new record lies between a real one of its class and one that the denoiser makes of that class: its
    numbers part of the way, its other cells as made. What the classes have in common is learnt from all
    rows, in which each class counts alike. Numbers, categories, booleans, dates and missing cells come as
    they are in the data: nothing needs scaling or encoding before. Free text is copied from the real record.

    Args:
        sampling_strategy: As in imbalanced-learn: a ratio, a class selection such as `"auto"` or
            `"minority"`, how many rows each class is to have, or a function that says so.
        random_state: Of training and drawing; an integer makes results repeatable.
        redraw: Share of the real record's cells that are hidden from the denoiser and drawn anew given the
            others; at 1 it is given the class alone.
        reach: Numbers go at most so far from the real record's to those drawn, each record uniformly far;
            None takes them as drawn.
        config: How to train; None: by the number of rows.

    Attributes:
        sampling_strategy_: For each class that gets rows, how many.
        sample_indices_: For each row returned, the number of the given row that it is or was made from.
        learnt_: The trained denoiser, where there were rows to add.
        synthetic_mask_: For each row returned, whether it was made.
        n_features_in_: Number of features.
        feature_names_in_: Their names, if all are text.

    Example:
        >>> from sklearn.datasets import make_classification
        >>> features, target = make_classification(weights=[0.9], random_state=0)
        >>> sampler = AutoencoderSampler(random_state=0)
        >>> more, labels = sampler.fit_resample(features, target)  # doctest: +SKIP
        >>> labels[sampler.synthetic_mask_].tolist() == [1] * (len(more) - 100)  # doctest: +SKIP
        True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseOverSampler._parameter_constraints,  # noqa: SLF001 - scikit-learn's protocol
        "redraw": [Interval(Real, 0, 1, closed="right")],
        "reach": [Interval(Real, 0, 1, closed="right"), None],
        "config": [TrainConfig, None],
    }

    def __init__(
        self,
        *,
        sampling_strategy: float | str | Mapping[Any, int] | Callable[..., Any] = "auto",
        random_state: int | np.random.RandomState | None = None,
        redraw: float = 1.0,
        reach: float | None = 0.5,
        config: TrainConfig | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state
        self.redraw = redraw
        self.reach = reach
        self.config = config

    def _check_X_y(self, X: Any, y: Any) -> tuple[Any, Any, bool]:  # noqa: N802, N803 - imbalanced-learn's
        """Check the input; DataFrames stay as they are."""
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        if isinstance(X, pd.DataFrame):
            require_columns(X)
            require_names(X)
        else:
            X = check_array(X, dtype=None, accept_sparse=["csr", "csc"], ensure_all_finite="allow-nan")  # noqa: N806
        check_consistent_length(X, y)
        validate_data(self, X=X, y=y, reset=True, skip_check_array=True)
        return X, y, binarize_y

    def _fit_resample(self, X: Any, y: NDArray[Any]) -> tuple[Any, NDArray[Any]]:  # noqa: N803 - likewise
        """Return all rows given, then those made."""
        random = check_random_state(self.random_state)
        parents = self._parents(y, random)
        self.sample_indices_ = np.concatenate([np.arange(len(y)), parents])
        self.synthetic_mask_ = np.arange(len(self.sample_indices_)) >= len(y)
        frame = as_frame(X)
        if len(parents):
            made = self._made(frame, np.unique(y, return_inverse=True)[1], parents, random)
            frame = pd.concat([frame, made], ignore_index=True)
        return like(X, frame), y[self.sample_indices_]

    def _parents(self, y: NDArray[Any], random: np.random.RandomState) -> NDArray[np.int64]:
        """Choose the rows that new ones are made from: each of a class equally often, but for the rest."""
        chosen = [np.zeros(0, np.int64)]
        for label, count in self.sampling_strategy_.items():
            rows = np.flatnonzero(y == label)
            laps = [random.permutation(rows) for _ in range(-(-count // len(rows)))]
            chosen.append(np.concatenate([*laps, rows[:0]])[:count])
        return np.concatenate(chosen)

    def _made(
        self,
        frame: pd.DataFrame,
        classes: NDArray[np.int64],
        parents: NDArray[np.int64],
        random: np.random.RandomState,
    ) -> pd.DataFrame:
        """Learn all rows and return one new row a parent."""
        table = learnable(frame, classes)
        config = self.config or config_for(int(random.randint(2**31)))
        self.learnt_ = learn(table, schema_of(table), config, _repeats(classes))
        engine = self.learnt_.engine
        encoded, _ = engine.codec.encode(table)
        own = Encoded(encoded.tokens[parents], encoded.residuals[parents], encoded.arrays[parents])
        names = engine.codec.layout.names
        new = redrawn(engine, own, self.redraw, random, kept=names.index(CLASS))
        places = [position_of(name) for name in names if name != CLASS]
        cells = np.delete(new.cells, names.index(CLASS), axis=1)
        real = frame.iloc[parents].reset_index(drop=True)
        made = merged(real, engine.records(new.encoded), cells, places)
        if self.reach is None:
            return made
        return part_of_the_way(real, made, self.reach * random.random_sample(len(made)), engine.codec.schema)

    def to_bundle(self, path: Path | str) -> Path:
        """Publish the denoiser as the next version of a model, for the server to generate records by.

        Args:
            path: The model's directory, `models/name`. Its columns are `class`, the number of a class among
                the sorted ones as text, and the features, called `0 NAME`, `1 NAME` and so on.

        Returns:
            The bundle's directory, `models/name/version`.
        """
        check_is_fitted(self, "learnt_")
        return self.learnt_.publish(path)

    def __sklearn_tags__(self) -> Any:
        """Return what is supported."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.sampler_tags.sample_indices = True
        return tags


def _repeats(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how often each row counts in training, so that each class counts about alike."""
    counts = np.bincount(classes)
    repeats: NDArray[np.int64] = np.rint(counts.max() / counts).astype(np.int64)[classes]
    return repeats
