"""CTGAN of the package ctgan, at its default settings (300 epochs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctgan import CTGAN

from fidelity.methods.ctgan_models import FittedModel

if TYPE_CHECKING:
    from fidelity.methods import Task

__all__ = ["fit"]


def fit(task: Task) -> FittedModel:
    """Fit on the filled rows; texts and classes are discrete columns."""
    return FittedModel(CTGAN(), task)
