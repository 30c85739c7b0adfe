"""What predicts by an encoder that was trained on all rows, labelled or not."""

from __future__ import annotations

import copy
import dataclasses
from abc import abstractmethod
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from augment.errors import RecordsError, RequestError
from augment.estimators.exported_heads import exported_head
from augment.estimators.feature_table import FeatureTable
from augment.estimators.learning import LearningEstimator, autoencoder_config, seed_of, seeds_of
from augment.models import Autoencoder, Batch
from augment.models.predictor import Predictor, Representation, predictor_graphs
from augment.training.config import TrainConfig
from augment.training.heads import FittedHeads, HeadOptions, fit_heads, represented
from augment.training.learnt import learn
from augment.training.loop import FitReport
from augment.training.recipes import Finished
from augment.training.train import Trained

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from augment.bundle import Prediction
    from augment.models.predictor import Reading

__all__ = ["Pretrained"]


class Pretrained(LearningEstimator):
    """What classifier and regressor share; `PretrainedClassifier` tells of the settings."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "head": [HasMethods(["fit", "predict"]), None],
        "fine_tune": ["boolean"],
        "hidden": [tuple, list],
        "n_components": [Interval(Integral, 1, 1024, closed="both"), None],
        "swap": [Interval(Real, 0, 1, closed="left")],
        "mask": [Interval(Real, 0, 1, closed="left")],
        "gaussian": [Interval(Real, 0, 10, closed="both")],
        "layerwise_steps": [Interval(Integral, 0, None, closed="left")],
        "inputs": ["boolean"],
        "unlabeled": "no_validation",
        "as_array": ["boolean", tuple, None],
        "max_steps": [Interval(Integral, 1, None, closed="left"), None],
        "head_steps": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "config": [TrainConfig, None],
    }

    def __init__(  # noqa: PLR0913 - an estimator's settings
        self,
        head: Any = None,
        *,
        fine_tune: bool = False,
        hidden: tuple[int, ...] = (256, 256),
        n_components: int | None = 16,
        swap: float = 0.3,
        mask: float = 0.0,
        gaussian: float = 0.0,
        layerwise_steps: int = 0,
        inputs: bool = False,
        unlabeled: Any = None,
        as_array: bool | tuple[int, ...] | None = None,
        max_steps: int | None = None,
        head_steps: int = 1500,
        random_state: int | np.random.RandomState | None = None,
        config: TrainConfig | None = None,
    ) -> None:
        self.head = head
        self.fine_tune = fine_tune
        self.hidden = hidden
        self.n_components = n_components
        self.swap = swap
        self.mask = mask
        self.gaussian = gaussian
        self.layerwise_steps = layerwise_steps
        self.inputs = inputs
        self.unlabeled = unlabeled
        self.as_array = as_array
        self.max_steps = max_steps
        self.head_steps = head_steps
        self.random_state = random_state
        self.config = config

    def fit(self, X: Any, y: Any, *, unlabelled: Any = None) -> Self:  # noqa: N803 - scikit-learn's
        """Train the encoder on all rows, and the head on those that have a label.

        Args:
            X: Features.
            y: Labels; NaN, None and the value of `unlabeled` say that a row has none.
            unlabelled: More rows without labels, of the same features.
        """
        self._validate_params()
        if self.fine_tune and self.head is not None:
            raise RecordsError.of("fine_tune", "must be False with a head of scikit-learn", self.fine_tune)
        seed, random = seeds_of(self.random_state, self.config)
        X = self._checked(X, reset=True)  # noqa: N806 - scikit-learn's
        labelled, targets = self._labels(X, y)
        self._pretrain(X if unlabelled is None else _stacked(X, self._checked(unlabelled, reset=False)), seed)
        rows = np.flatnonzero(labelled)
        records = Batch.from_encoded(self._encoded(X)).rows(torch.from_numpy(rows))
        self._fit_head(records, targets, seed_of(random))
        return self

    def refit(self, X: Any, y: Any, *, seed: int = 0) -> Self:  # noqa: N803 - scikit-learn's
        """Return a copy with another head, on the same pretrained encoder: trained on other labels.

        Args:
            X: Features with labels, and without.
            y: Labels, as in `fit`.
            seed: Of the head.
        """
        check_is_fitted(self)
        other = copy.copy(self)
        X = other._checked(X, reset=False)  # noqa: N806, SLF001 - scikit-learn's; itself
        labelled, targets = other._labels(X, y)  # noqa: SLF001 - likewise
        rows = torch.from_numpy(np.flatnonzero(labelled))
        other._fit_head(Batch.from_encoded(other._encoded(X)).rows(rows), targets, seed)  # noqa: SLF001
        return other

    def to_bundle(self, path: Path | str, *, target: str = "target") -> Path:
        """Publish encoder, head and autoencoder as the next version of a model.

        Args:
            path: The model's directory, `models/name`.
            target: What is predicted, for people: no feature's name.

        Returns:
            The bundle's directory, `models/name/version`.

        Raises:
            UnsupportedError: The head is an estimator that no bundle can hold.
            RequestError: The target has no name, or a feature's.
        """
        check_is_fitted(self)
        _require_target(target, self._table.names)
        fitted = self.fitted_ if self.fitted_ is not None else self._of_scikit_learn()
        prediction = self._prediction(target)
        graphs = predictor_graphs(fitted.predictor, self.learnt_.codec.layout, len(prediction.classes))
        report = FitReport(
            epochs=0,
            steps=fitted.steps,
            parameters=sum(each.numel() for each in fitted.predictor.parameters()),
            train_loss=fitted.heldout_loss,
            heldout_loss=fitted.heldout_loss,
            best_epoch=0,
            stopped="early",
        )
        autoencoder = self.learnt_.trained["autoencoder"]
        trained = Trained(autoencoder.model, Finished(graphs, prediction=prediction), report)
        both = {**self.learnt_.trained, "predictor": trained}
        return dataclasses.replace(self.learnt_, trained=both).publish(path)

    @abstractmethod
    def _labels(self, X: Any, y: Any) -> tuple[NDArray[np.bool_], NDArray[Any]]:  # noqa: N803
        """Return which rows have a label, and what a head learns of these."""

    @abstractmethod
    def _prediction(self, target: str) -> Prediction:
        """Return what the manifest tells of predictions."""

    @abstractmethod
    def _reading(self) -> tuple[Reading, int]:
        """Return how an MLP is read, and its outputs."""

    def _pretrain(self, X: Any, seed: int) -> None:  # noqa: N803 - scikit-learn's
        self._table = FeatureTable.of(X, as_array=self.as_array)
        table = self._table.table(X)
        autoencoder = autoencoder_config(
            self.config,
            latent_dim=self.n_components,
            hidden=tuple(self.hidden),
            swap=self.swap,
            mask=self.mask,
            gaussian=self.gaussian,
            layerwise_steps=self.layerwise_steps,
        )
        changes = {"models": ("autoencoder",), "autoencoder": autoencoder, "seed": seed}
        if self.max_steps is not None:
            changes["max_steps"] = self.max_steps
        config = (self.config or TrainConfig()).model_copy(update=changes)
        self.learnt_ = learn(table, self._table.schema(table), config)
        model = self.learnt_.trained["autoencoder"].model
        assert isinstance(model, Autoencoder)  # noqa: S101 - by its recipe
        self._representation = Representation.of(model, self.learnt_.codec.layout, inputs=self.inputs)
        self._representation.requires_grad_(self.fine_tune)
        self._representation.standardise(Batch.from_encoded(self._encoded(X)))

    def _fit_head(self, records: Batch, targets: NDArray[Any], seed: int) -> None:
        if self.head is not None:
            self.fitted_, self.head_ = None, clone(self.head)
            self.head_.fit(represented(self._representation, records).numpy(), targets)
            return
        reading, outputs = self._reading()
        options = HeadOptions(outputs, max_steps=self.head_steps, fine_tune=self.fine_tune, seed=seed % 2**31)
        self.fitted_ = fit_heads(self._representation, records, self._numbers(targets), reading, options)
        self.head_ = self.fitted_.predictor

    @abstractmethod
    def _numbers(self, targets: NDArray[Any]) -> Tensor:
        """Return targets as an MLP learns them."""

    def _of_scikit_learn(self) -> FittedHeads:
        layers, reading = exported_head(self.head_)
        return FittedHeads(Predictor(self._representation, [layers], reading).eval(), 0, 0.0)

    def _seen(self, X: Any) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's
        """Return what a head of scikit-learn sees."""
        return represented(self._representation, self._records(X)).numpy()

    def _records(self, X: Any) -> Batch:  # noqa: N803 - scikit-learn's
        check_is_fitted(self)
        return Batch.from_encoded(self._encoded(self._checked(X, reset=False)))

    @torch.no_grad()
    def _predicted(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's
        """Return what the MLP predicts, in whole blocks: a row's answer does not hang on the others."""
        records, block = self._records(X), self.learnt_.config.block_rows
        rows = torch.arange(-(-len(records) // block) * block).clamp(max=len(records) - 1)
        assert self.fitted_ is not None  # noqa: S101 - asked for an MLP alone
        parts = [self.fitted_.predictor(records.rows(part)) for part in torch.split(rows, block)]
        made: NDArray[np.float64] = torch.cat(parts)[: len(records)].double().numpy()
        return made


def _require_target(target: str, features: tuple[str, ...]) -> None:
    remedy = "Give target the name of what is predicted"
    if not isinstance(target, str) or not target.strip():
        raise RequestError.of("target", "must be a name", target, remedy)
    if target in features:
        raise RequestError.of("target", "must not be the name of a feature", target, remedy)


def _stacked(first: Any, more: Any) -> Any:
    """Return rows of one kind one below the other."""
    if isinstance(first, pd.DataFrame):
        return pd.concat([first, more], ignore_index=True)
    if sparse.issparse(first) or sparse.issparse(more):
        return sparse.vstack([first, more]).tocsr()
    return np.concatenate([first, more])
