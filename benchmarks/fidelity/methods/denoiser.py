"""Our denoiser as a generator: it fills in the columns of an empty record, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fidelity.methods.augment_models import train_bundle

if TYPE_CHECKING:
    from fidelity.methods import Task
    from fidelity.methods.augment_models import FittedBundle

__all__ = ["fit"]


def fit(task: Task) -> FittedBundle:
    """Train the denoiser alone."""
    return train_bundle(task, "denoiser")
