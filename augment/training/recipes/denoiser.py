"""The denoiser's recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.models import Denoiser, DenoiserOptions, denoiser_graphs
from augment.models.corruption import CorruptionOptions
from augment.training.recipes.recipe import Finished
from augment.training.sizing import Length, doubt_share, hidden_width

if TYPE_CHECKING:
    import torch

    from augment.data.layout import Layout
    from augment.models import Batch, Records, Trainable
    from augment.training.config import TrainConfig

__all__ = ["DenoiserRecipe"]

_WIDEST = 256


class DenoiserRecipe:
    """Makes a `Denoiser`; exports `denoise`."""

    name = "denoiser"

    def fits(self, layout: Layout) -> bool:
        """Return True: any records."""
        del layout
        return True

    def make(
        self, layout: Layout, config: TrainConfig, train: Records, generator: torch.Generator
    ) -> Denoiser:
        """Return a new denoiser."""
        chosen, rows = config.denoiser, len(train)
        corruption = CorruptionOptions(
            max_swap_rate=chosen.max_swap_rate,
            noise_share=chosen.noise_share,
            max_noise=chosen.max_noise,
            max_spoilt=chosen.max_spoilt,
        )
        options = DenoiserOptions(
            hidden=hidden_width(chosen.hidden, layout, rows, widest=_WIDEST),
            layers=chosen.layers,
            dropout=chosen.dropout,
            blur=chosen.blur_rows / rows,
            doubt_share=doubt_share(chosen.doubt_share, layout),
            observed_weight=chosen.observed_weight,
            corruption=corruption,
        )
        return Denoiser(layout, options, generator)

    def length(self, rows: int) -> Length:
        """Return how long it is trained, whatever the number of rows."""
        del rows
        return Length()

    def learning_rate(self, config: TrainConfig) -> float:
        """Return its highest learning rate."""
        return config.denoiser.learning_rate

    def weight_average(self, config: TrainConfig) -> float:
        """Return the decay of the average of its weights."""
        return config.weight_average

    def finish(self, model: Trainable, layout: Layout, train: Batch, config: TrainConfig) -> Finished:
        """Return its graph."""
        del train, config
        assert isinstance(model, Denoiser)  # noqa: S101 - made by `make`
        return Finished(denoiser_graphs(model, layout))
