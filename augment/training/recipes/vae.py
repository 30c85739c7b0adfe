"""The variational autoencoder's recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from augment.models import GaussianMixture, Prior, StandardNormal, Vae, VaeOptions, vae_graphs
from augment.training.recipes.recipe import Finished
from augment.training.sizing import Length, hidden_width, latent_width, mixture_components
from augment.training.stages import choose_stages, stages_in_turn

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models import Batch, Trainable
    from augment.training.config import TrainConfig

__all__ = ["VaeRecipe", "aggregate_posterior"]

_WIDEST = 192  # twice as fast as 512, and as faithful (docs/decisions/0010)
_LATENT_ROWS = 30_000
_FEWEST_LATENTS = 4_000
_ENCODE_ROWS = 4_096


class VaeRecipe:
    """Makes a `Vae`, fits its prior; exports `vae_sample`, `encode`, `decode` and `score`."""

    name = "vae"

    def fits(self, layout: Layout) -> bool:
        """Return True: any records."""
        del layout
        return True

    def make(self, layout: Layout, config: TrainConfig, train: Batch, generator: torch.Generator) -> Vae:
        """Return a new autoencoder."""
        chosen, rows = config.vae, len(train)
        options = VaeOptions(
            latent_dim=latent_width(chosen.latent_dim, layout),
            hidden=hidden_width(chosen.hidden, layout, rows, widest=_WIDEST),
            layers=chosen.layers,
            beta=chosen.beta,
            warmup=chosen.warmup,
            mask_rate=chosen.mask_rate,
            dropout=chosen.dropout,
            blur=chosen.blur_rows / rows,
            stages=stages_in_turn(len(layout.names), chosen.stages)
            if config.privacy is not None
            else choose_stages(train.tokens, stages=chosen.stages, generator=generator),
        )
        return Vae(layout, options, generator)

    def length(self, rows: int) -> Length:
        """Return how long it is trained, whatever the number of rows."""
        del rows
        return Length()

    def learning_rate(self, config: TrainConfig) -> float:
        """Return its highest learning rate."""
        return config.vae.learning_rate

    def weight_average(self, config: TrainConfig) -> float:
        """Return the decay of the average of its weights."""
        return config.weight_average

    def finish(self, model: Trainable, layout: Layout, train: Batch, config: TrainConfig) -> Finished:
        """Fit the prior and return the graphs."""
        assert isinstance(model, Vae)  # noqa: S101 - made by `make`
        prior = self._prior(model, train, config)
        return Finished(
            vae_graphs(model, prior, layout), samplers=("vae",), latent_dim=model.options.latent_dim
        )

    def _prior(self, model: Vae, train: Batch, config: TrainConfig) -> Prior:
        latent_dim = model.options.latent_dim
        if config.vae.prior == "normal":
            return StandardNormal(latent_dim)
        generator = torch.Generator().manual_seed(config.seed)
        components = mixture_components(config.vae.components, len(train))
        latents = aggregate_posterior(model, train, generator)
        return GaussianMixture.fit(latents, components=components, generator=generator)


@torch.no_grad()
def aggregate_posterior(model: Vae, train: Batch, generator: torch.Generator) -> Tensor:
    """Draw latent vectors of training rows: 4,000 to 30,000, several a row where rows are few: (M, L).

    Draws and not means: what the prior has to match is the mean of the posteriors (Tomczak and Welling,
    VAE with a VampPrior, 2018), and their spread smooths the mixture.
    """
    rows = torch.randperm(len(train), generator=generator)[:_LATENT_ROWS]
    rows = rows.repeat(max(1, -(-_FEWEST_LATENTS // len(rows))))
    parts = train.rows(rows).split(_ENCODE_ROWS)
    return torch.cat([model.encode(part).draw(generator) for part in parts])
