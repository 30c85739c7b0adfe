"""scikit-learn's own checks of the estimators."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from augment.estimators import (
    AutoencoderTransformer,
    DenoisingImputer,
    PretrainedClassifier,
    PretrainedRegressor,
)
from augment.training import DenoiserConfig, TrainConfig

SHORT = TrainConfig(denoiser=DenoiserConfig(hidden=16, layers=1))
ESTIMATORS = [
    DenoisingImputer(max_steps=2, random_state=0, config=SHORT),
    AutoencoderTransformer(hidden=(8,), max_steps=4, random_state=0),
    PretrainedClassifier(hidden=(16,), max_steps=2, head_steps=20, random_state=0),
    PretrainedRegressor(hidden=(16,), max_steps=20, head_steps=300, random_state=0),
]
TRAINED = {"max_steps": 20, "head_steps": 300}
"""Of the classifier, where a check looks at what was learnt."""

ALIKE = {check.func for _, check in estimator_checks_generator(ESTIMATORS[2], legacy=True)}
"""What is checked of the classifier, with which the regressor shares all but its head."""


LONG = {
    "check_classifier_data_not_an_array",
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimators_dtypes",
    "check_fit_idempotent",
    "check_pipeline_consistency",
}
"""Checks that train the classifier ten times and more."""


def is_long(estimator: Any, check: Any) -> bool:
    """Return whether it is a long check of the classifier."""
    return isinstance(estimator, PretrainedClassifier) and check.func.__name__ in LONG


def marks(estimator: Any, check: Any) -> list[pytest.MarkDecorator]:
    """Return slow for long checks of the classifier, and for those of the regressor that it stands for."""
    alike = isinstance(estimator, PretrainedRegressor) and check.func in ALIKE
    return [pytest.mark.slow] if is_long(estimator, check) or alike else []


CHECKS = [
    pytest.param(
        each, check, id=f"{type(each).__name__}-{check.func.__name__}-{number}", marks=marks(each, check)
    )
    for estimator in ESTIMATORS
    for number, (each, check) in enumerate(estimator_checks_generator(estimator, legacy=True))
]
"""What `parametrize_with_checks` parametrises by, with shorter names."""


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_it_is_an_estimator_as_scikit_learn_has_them(estimator: Any, check: Any) -> None:
    """Each of scikit-learn's checks passes."""
    check(estimator.set_params(**TRAINED) if is_long(estimator, check) else estimator)
