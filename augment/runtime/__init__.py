"""Runs bundles with onnxruntime: generates, interpolates, denoises, encodes, decodes and scores records."""

from __future__ import annotations

from augment.runtime.checks import MAX_ROW
from augment.runtime.joint import Joint, Part
from augment.runtime.model import MAX_DRAWS, MAX_STEPS, Model
from augment.runtime.paths import Method
from augment.runtime.results import Denoised, Draws, Latents, Predictions, Records, Scores

__all__ = [
    "MAX_DRAWS",
    "MAX_ROW",
    "MAX_STEPS",
    "Denoised",
    "Draws",
    "Joint",
    "Latents",
    "Method",
    "Model",
    "Part",
    "Predictions",
    "Records",
    "Scores",
]
