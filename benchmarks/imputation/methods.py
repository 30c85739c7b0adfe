"""What fills gaps: learnt on the training rows, applied to others."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - sklearn wants it said
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import OneHotEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.runtime import Model
    from imputation.coding import Coding

__all__ = ["Filled", "Filler", "Forest", "Means", "Neighbours", "Ours"]

ROUNDS = 10
TREES = 100
NEIGHBOURS = 5
_NEIGHBOUR_ROWS = 10_000


@dataclass(frozen=True)
class Filled:
    """A matrix (see `Coding`) without gaps, before numbers are rounded, and the seconds of CPU it took.

    Of CPU, because others may be busy on the machine; with one thread they are those of an idle one.
    """

    matrix: NDArray[np.float64]
    seconds: float


class Filler(Protocol):
    """A method that has learnt."""

    name: str

    def fill(self, table: pa.Table) -> Filled:
        """Return the rows without gaps."""


class Means:
    """Mean of numbers, most frequent category."""

    name = "mean/mode"

    def __init__(self, coding: Coding, train: pa.Table) -> None:
        self._coding = coding
        matrix = coding.matrix(train)
        self._filling = np.array(
            [
                SimpleImputer(strategy="most_frequent" if coding.is_category(index) else "mean")
                .fit(matrix[:, [index]])
                .statistics_[0]
                for index in range(matrix.shape[1])
            ]
        )

    def fill(self, table: pa.Table) -> Filled:
        """Return the rows without gaps."""
        return _timed(lambda: _filled(self._coding.matrix(table), self._filling))


class Neighbours:
    """scikit-learn's KNNImputer on standardised numbers and one-hot categories, 5 neighbours.

    Of at most 10,000 training rows. A category's columns are scaled by 1 / sqrt(2), so that two
    categories that differ are one apart.
    """

    name = "kNN"

    def __init__(self, coding: Coding, train: pa.Table, seed: int = 0) -> None:
        self._coding = coding
        matrix = coding.matrix(train)
        count = min(len(matrix), _NEIGHBOUR_ROWS)
        chosen = np.random.default_rng(seed).choice(len(matrix), count, replace=False)
        self._imputer = KNNImputer(n_neighbors=NEIGHBOURS, keep_empty_features=True)
        self._imputer.fit(self._wide(matrix[chosen]))

    def fill(self, table: pa.Table) -> Filled:
        """Return the rows without gaps."""

        def filled() -> NDArray[np.float64]:
            wide = self._imputer.transform(self._wide(self._coding.matrix(table)))
            return self._narrow(wide)

        return _timed(filled)

    def _wide(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = []
        for index, levels in enumerate(self._coding.levels):
            column = matrix[:, [index]]
            if levels is None:
                parts.append(column)
                continue
            encoder = OneHotEncoder(categories=[np.arange(len(levels))], sparse_output=False)
            hot = encoder.fit_transform(np.nan_to_num(column)) / np.sqrt(2)
            hot[np.isnan(column[:, 0])] = np.nan
            parts.append(hot)
        return np.concatenate(parts, axis=1)

    def _narrow(self, wide: NDArray[np.float64]) -> NDArray[np.float64]:
        parts, start = [], 0
        for levels in self._coding.levels:
            width = 1 if levels is None else len(levels)
            part = wide[:, start : start + width]
            parts.append(part[:, 0] if levels is None else part.argmax(axis=1).astype(np.float64))
            start += width
        return np.stack(parts, axis=1)


class _TreesByTarget(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Extremely randomised trees: a classifier where the target is codes, else a regressor."""

    def __init__(self, trees: int = TREES, jobs: int = 1) -> None:
        self.trees = trees
        self.jobs = jobs

    def fit(self, features: Any, target: Any) -> _TreesByTarget:
        """Fit either."""
        kind = ExtraTreesClassifier if (target == np.round(target)).all() else ExtraTreesRegressor
        self.forest_ = kind(n_estimators=self.trees, n_jobs=self.jobs, random_state=0)
        self.forest_.fit(features, target)
        return self

    def predict(self, features: Any) -> Any:
        """Return means, or the codes voted for."""
        return self.forest_.predict(features)


class Forest:
    """The MissForest recipe: scikit-learn's IterativeImputer with ExtraTrees, 100 of them a column.

    Categories as codes, voted for by a classifier as MissForest does. It is fitted on all training rows.
    These have hardly any gaps, so that one round of fitting is enough; filling gaps takes 10 rounds, the
    default `max_iter`, each with the forests of that one round.
    """

    name = "IterativeImputer, ExtraTrees"

    def __init__(self, coding: Coding, train: pa.Table, *, jobs: int, trees: int = TREES) -> None:
        self._coding = coding
        estimator = clone(_TreesByTarget(trees, jobs))
        self._imputer = IterativeImputer(estimator, max_iter=1, random_state=0, keep_empty_features=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one round of fitting is what is wanted
            self._imputer.fit(coding.matrix(train))
        self._imputer.imputation_sequence_ = self._imputer.imputation_sequence_ * ROUNDS
        self._imputer.n_iter_ = ROUNDS

    def fill(self, table: pa.Table) -> Filled:
        """Return the rows without gaps."""
        return _timed(lambda: np.asarray(self._imputer.transform(self._coding.matrix(table))))


class Ours:
    """The denoiser, through `Model.denoise` at threshold 0."""

    def __init__(self, coding: Coding, model: Model, numbers: str) -> None:
        self.name = f"augment, {numbers}"
        self._coding = coding
        self._model = model
        self._numbers = numbers

    def fill(self, table: pa.Table) -> Filled:
        """Return the rows without gaps; the time is that of the whole call, from table to table."""
        started = time.process_time()
        records = self._model.denoise(table, threshold=0, numbers=self._numbers).records
        seconds = time.process_time() - started
        return Filled(self._coding.matrix(records), seconds)


def _timed(work: Callable[[], NDArray[np.float64]]) -> Filled:
    started = time.process_time()
    matrix = work()
    return Filled(matrix, time.process_time() - started)


def _filled(matrix: NDArray[np.float64], filling: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(matrix), filling, matrix)
