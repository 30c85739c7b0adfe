"""The denoiser's recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.bundle import Stepwise
from augment.models import Denoiser, DenoiserOptions, denoiser_graphs, generation_graphs
from augment.models.corruption import CorruptionOptions
from augment.training.recipes.recipe import Finished
from augment.training.sizing import hidden_width

if TYPE_CHECKING:
    import torch

    from augment.data.layout import Layout
    from augment.models import Batch, Trainable
    from augment.training.config import TrainConfig

__all__ = ["DenoiserRecipe"]

_WIDEST = 256


class DenoiserRecipe:
    """Makes a `Denoiser`; exports `denoise` and, for tables, the sampler `denoiser`."""

    def make(self, layout: Layout, config: TrainConfig, rows: int, generator: torch.Generator) -> Denoiser:
        """Return a new denoiser."""
        chosen = config.denoiser
        corruption = CorruptionOptions(
            max_swap_rate=chosen.max_swap_rate,
            noise_share=chosen.noise_share,
            max_noise=chosen.max_noise,
        )
        options = DenoiserOptions(
            hidden=hidden_width(chosen.hidden, layout, rows, widest=_WIDEST),
            layers=chosen.layers,
            maker_hidden=hidden_width(chosen.maker_hidden, layout, rows, widest=_WIDEST),
            maker_layers=chosen.maker_layers,
            dropout=chosen.dropout,
            blur=chosen.blur_rows / rows,
            make_share=chosen.make_share,
            condition_share=chosen.condition_share,
            doubt_share=chosen.doubt_share,
            observed_weight=chosen.observed_weight,
            corruption=corruption,
        )
        return Denoiser(layout, options, generator)

    def learning_rate(self, config: TrainConfig) -> float:
        """Return its highest learning rate."""
        return config.denoiser.learning_rate

    def finish(self, model: Trainable, layout: Layout, train: Batch, config: TrainConfig) -> Finished:
        """Return its graphs; it makes no records with arrays, whose elements are not independent."""
        del train, config
        assert isinstance(model, Denoiser)  # noqa: S101 - made by `make`
        maker = model.maker
        if maker is None:
            return Finished(denoiser_graphs(model, layout))
        groups = tuple(tuple(head.index.tolist()) for head in maker.head.groups)
        plan = Stepwise(order=tuple(maker.order.tolist()), groups=groups)
        graphs = (*denoiser_graphs(model, layout), *generation_graphs(maker, model.embedding, layout))
        return Finished(graphs, stepwise={"denoiser": plan})
