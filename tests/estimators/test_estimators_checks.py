"""imbalanced-learn's own checks of a sampler."""

from __future__ import annotations

from typing import Any

from imblearn.utils.estimator_checks import parametrize_with_checks

from augment.estimators import AutoencoderSampler
from augment.training import DenoiserConfig, TrainConfig

SHORT = TrainConfig(models=("denoiser",), max_steps=4, block_rows=512, denoiser=DenoiserConfig(hidden=16))


@parametrize_with_checks([AutoencoderSampler(random_state=0, config=SHORT)])
def test_it_is_a_sampler_as_imbalanced_learn_has_them(estimator: Any, check: Any) -> None:
    """Each of imbalanced-learn's checks passes."""
    check(estimator)
