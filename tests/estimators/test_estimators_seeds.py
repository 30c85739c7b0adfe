"""Which seed an estimator trains by: its own, else the configuration's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augment.estimators import (
    AutoencoderTransformer,
    DenoisingImputer,
    PretrainedClassifier,
    PretrainedRegressor,
)
from augment.training import TrainConfig

FEATURES = np.random.default_rng(0).normal(size=(30, 3))
LABELS = np.arange(30) % 2
SMALL: dict[Any, dict[str, Any]] = {
    AutoencoderTransformer: {"hidden": (8,)},
    DenoisingImputer: {},
    PretrainedClassifier: {"hidden": (8,), "head_steps": 3},
    PretrainedRegressor: {"hidden": (8,), "head_steps": 3},
}


def fitted(estimator: Any, seed: int | None, random_state: int | None) -> Any:
    """Return an estimator that was trained for an instant."""
    config = None
    if seed is not None:
        config = TrainConfig.model_validate({"seed": seed, "denoiser": {"hidden": 8, "layers": 1}})
    own = estimator(max_steps=2, random_state=random_state, config=config, **SMALL[estimator])
    return own.fit(FEATURES, LABELS)


@pytest.mark.parametrize("estimator", list(SMALL), ids=lambda one: one.__name__)
def test_the_own_seed_goes_before_that_of_the_configuration(estimator: Any) -> None:
    """`random_state` where it is given; else `config.seed`; with neither, each fit has another."""
    assert fitted(estimator, 2**40, None).learnt_.config.seed == 2**40
    one, same, other = (
        fitted(estimator, seed, state).learnt_.config.seed for seed, state in ((5, 1), (6, 1), (5, 2))
    )
    assert one == same != other
    assert one != 5
    assert fitted(estimator, None, 1).learnt_.config.seed == one
    free = {fitted(estimator, None, None).learnt_.config.seed for _ in range(2)}
    assert len(free) == 2


def test_the_seed_of_the_configuration_makes_predictions_repeatable() -> None:
    """Encoder and head both go by it."""
    made = [fitted(PretrainedClassifier, 3, None).predict_proba(FEATURES) for _ in range(2)]
    np.testing.assert_array_equal(*made)
