"""Augmentation as estimators that scikit-learn and imbalanced-learn know how to use."""

from __future__ import annotations

from augment.estimators.sampler import AutoencoderSampler

__all__ = ["AutoencoderSampler"]
