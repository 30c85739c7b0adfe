"""imbalanced-learn's own checks of a sampler."""

from __future__ import annotations

from typing import Any

import pytest
from imblearn.utils.estimator_checks import estimator_checks_generator

from augment.estimators import AutoencoderSampler
from augment.training import TrainConfig
from augment.training.config import MakerConfig

SHORT = TrainConfig(models=("maker",), max_steps=4, block_rows=512, maker=MakerConfig(hidden=16))
CHECKS = [
    pytest.param(estimator, check, id=check.func.__name__)
    for estimator, check in estimator_checks_generator(AutoencoderSampler(random_state=0, config=SHORT))
]
"""What `parametrize_with_checks` parametrises by, with shorter names."""


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_it_is_a_sampler_as_imbalanced_learn_has_them(estimator: Any, check: Any) -> None:
    """Each of imbalanced-learn's checks passes."""
    check(estimator)
