"""Augmentation and representation learning as estimators that scikit-learn knows how to use."""

from __future__ import annotations

from augment.estimators.classifier import PretrainedClassifier
from augment.estimators.imputer import DenoisingImputer
from augment.estimators.regressor import PretrainedRegressor
from augment.estimators.sampler import AutoencoderSampler
from augment.estimators.transformer import AutoencoderTransformer

__all__ = [
    "AutoencoderSampler",
    "AutoencoderTransformer",
    "DenoisingImputer",
    "PretrainedClassifier",
    "PretrainedRegressor",
]
