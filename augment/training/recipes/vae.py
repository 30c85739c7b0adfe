"""The variational autoencoder's recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from augment.models import (
    Cells,
    GaussianMixture,
    Posterior,
    Prior,
    StandardNormal,
    Vae,
    VaeOptions,
    vae_graphs,
)
from augment.training.choosing import choose_rows
from augment.training.flowing import fit_flow
from augment.training.recipes.recipe import Finished
from augment.training.sizing import Length, flow_steps, hidden_width, latent_width, mixture_components
from augment.training.stages import choose_stages, stages_in_turn

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models import Batch, Records, Trainable
    from augment.training.config import TrainConfig

__all__ = ["VaeRecipe", "latent_rows", "posterior_of"]

_WIDEST = 192  # twice as fast as 512, and as faithful (docs/decisions/0010)
_LATENT_ROWS = 30_000
_FEWEST_LATENTS = 4_000
_ENCODE_ROWS = 4_096


class VaeRecipe:
    """Makes a `Vae`, fits its prior; exports `vae_sample`, `encode`, `decode`, `score`.

    And `complete`, where there are arrays.
    """

    name = "vae"

    def fits(self, layout: Layout) -> bool:
        """Return True: any records."""
        del layout
        return True

    def make(self, layout: Layout, config: TrainConfig, train: Records, generator: torch.Generator) -> Vae:
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
            else choose_stages(train, len(layout.names), stages=chosen.stages, generator=generator),
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
        prior = self._prior(model, layout, train, config)
        return Finished(
            vae_graphs(model, prior, layout),
            samplers=("vae",),
            latent_dim=model.options.latent_dim,
            resolved=_resolved_prior(layout, len(train), config),
        )

    def _prior(self, model: Vae, layout: Layout, train: Batch, config: TrainConfig) -> Prior:
        latent_dim = model.options.latent_dim
        kind = config.vae.prior
        if kind == "normal":
            return StandardNormal(latent_dim)
        if kind == "flow":
            return fit_flow(
                posterior_of(model, train),
                train,
                layout,
                steps=flow_steps(config, len(train)),
                seed=config.seed,
            )
        generator = torch.Generator().manual_seed(config.seed)
        arrays = layout.array_width > 0
        components = mixture_components(config.vae.components, len(train), arrays=arrays)
        rows = latent_rows(len(train), generator)
        latents = posterior_of(model, train.rows(rows)).draw(generator)
        cells = Cells(train.tokens[rows], layout.vocab_sizes) if arrays else None
        return GaussianMixture.fit(latents, components=components, generator=generator, cells=cells)


def _resolved_prior(layout: Layout, rows: int, config: TrainConfig) -> dict[str, int]:
    """Return what is chosen of the prior by the number of rows."""
    if config.vae.prior == "flow":
        return {"flow_steps": flow_steps(config, rows)}
    arrays = layout.array_width > 0
    wanted = config.vae.components
    found = {"components": mixture_components(wanted, rows, arrays=arrays)}
    return found if config.vae.prior == "gmm" else {}


def latent_rows(rows: int, generator: torch.Generator) -> Tensor:
    """Choose the training rows whose latent vectors are drawn: 4,000 to 30,000, several times where few.

    Draws and not means: what the prior has to match is the mean of the posteriors (Tomczak and Welling,
    VAE with a VampPrior, 2018), and their spread smooths the mixture.
    """
    chosen = choose_rows(rows, _LATENT_ROWS, generator)
    return chosen.repeat(max(1, -(-_FEWEST_LATENTS // len(chosen))))


@torch.no_grad()
def posterior_of(model: Vae, records: Batch) -> Posterior:
    """Return where records lie, encoded piece by piece."""
    parts = [model.encode(part) for part in records.split(_ENCODE_ROWS)]
    return Posterior(torch.cat([part.mean for part in parts]), torch.cat([part.scale for part in parts]))
