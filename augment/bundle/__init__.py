"""The bundle: a directory with all that it takes to serve a trained model. See docs/bundle-format.md."""

from __future__ import annotations

from augment.bundle.directory import find_bundle, list_bundles
from augment.bundle.draft import BundleDraft
from augment.bundle.golden import GoldenCase
from augment.bundle.limits import FORMAT_VERSION
from augment.bundle.manifest import (
    FileInfo,
    GraphInfo,
    Manifest,
    ModelReport,
    Prediction,
    Privacy,
    Stepwise,
    TensorInfo,
    TrainingReport,
)
from augment.bundle.publishing import publish, require_publishable
from augment.bundle.reading import Bundle, open_bundle, read_weights

__all__ = [
    "FORMAT_VERSION",
    "Bundle",
    "BundleDraft",
    "FileInfo",
    "GoldenCase",
    "GraphInfo",
    "Manifest",
    "ModelReport",
    "Prediction",
    "Privacy",
    "Stepwise",
    "TensorInfo",
    "TrainingReport",
    "find_bundle",
    "list_bundles",
    "open_bundle",
    "publish",
    "read_weights",
    "require_publishable",
]
