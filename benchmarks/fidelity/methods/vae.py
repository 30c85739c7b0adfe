"""Our variational autoencoder with its learned prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fidelity.methods.augment_models import train_bundle

if TYPE_CHECKING:
    from fidelity.methods import Task
    from fidelity.methods.augment_models import FittedBundle

__all__ = ["fit"]


def fit(task: Task) -> FittedBundle:
    """Train the VAE alone."""
    return train_bundle(task, "vae")
