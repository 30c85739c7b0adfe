"""What training asks of each kind of model: how it is made, and what of it is exported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from augment.bundle import Prediction, Stepwise
    from augment.data.layout import Layout
    from augment.models import Batch, Graph, Records, Trainable
    from augment.training.config import TrainConfig
    from augment.training.sizing import Length

__all__ = ["Finished", "Recipe"]


@dataclass(frozen=True)
class Finished:
    """A trained model, ready to leave torch.

    Attributes:
        graphs: What is exported.
        samplers: The ways to generate among them: `x` for a graph `x_sample`.
        stepwise: The ways to generate column by column.
        latent_dim: Width of its latent space, 0 for none.
        quality: Figures about it.
        prediction: What it predicts, if anything.
        resolved: Settings that were chosen in finishing it, e.g. `components`; as JSON.
    """

    graphs: tuple[Graph, ...]
    samplers: tuple[str, ...] = ()
    stepwise: Mapping[str, Stepwise] = field(default_factory=dict)
    latent_dim: int = 0
    quality: Mapping[str, float] = field(default_factory=dict)
    prediction: Prediction | None = None
    resolved: Mapping[str, int] = field(default_factory=dict)


class Recipe(Protocol):
    """How one kind of model is made.

    Attributes:
        name: The model's, in reports and messages.
    """

    name: str

    def fits(self, layout: Layout) -> bool:
        """Return whether it can learn such records."""
        ...

    def make(
        self, layout: Layout, config: TrainConfig, train: Records, generator: torch.Generator
    ) -> Trainable:
        """Return a new model for the training rows, its weights drawn from `generator`."""
        ...

    def length(self, rows: int) -> Length:
        """Return how long it is trained on so many rows where nothing is said."""
        ...

    def learning_rate(self, config: TrainConfig) -> float:
        """Return its highest learning rate."""
        ...

    def weight_average(self, config: TrainConfig) -> float:
        """Return the decay of the average of its weights."""
        ...

    def finish(self, model: Trainable, layout: Layout, train: Batch, config: TrainConfig) -> Finished:
        """Do what is left to do after training; all is on the CPU."""
        ...
