"""The maker's recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.bundle import Stepwise
from augment.models import Maker, MakerOptions, generation_graphs
from augment.training.recipes.recipe import Finished
from augment.training.sizing import blur_rows, hidden_width, maker_layers, maker_length, weight_sets

if TYPE_CHECKING:
    import torch

    from augment.data.layout import Layout
    from augment.models import Batch, Records, Trainable
    from augment.training.config import TrainConfig
    from augment.training.sizing import Length

__all__ = ["MakerRecipe"]

_WIDEST = 256


class MakerRecipe:
    """Makes a `Maker`; exports the sampler `denoiser`."""

    name = "maker"

    def fits(self, layout: Layout) -> bool:
        """Return whether there are table columns: arrays are made after them, by the autoencoder."""
        return len(layout.names) > len(layout.array_names)

    def make(self, layout: Layout, config: TrainConfig, train: Records, generator: torch.Generator) -> Maker:
        """Return a new maker."""
        chosen, rows = config.maker, len(train)
        options = MakerOptions(
            hidden=hidden_width(chosen.hidden, layout.without_arrays(), rows, widest=_WIDEST),
            layers=maker_layers(chosen.layers, rows),
            weight_sets=weight_sets(chosen.weight_sets, rows),
            dropout=chosen.dropout,
            blur=blur_rows(chosen.blur_rows, rows) / rows,
            condition_share=chosen.condition_share,
        )
        return Maker(layout.without_arrays(), options, generator)

    def length(self, rows: int) -> Length:
        """Return how long it is trained on so many rows."""
        return maker_length(rows)

    def learning_rate(self, config: TrainConfig) -> float:
        """Return its highest learning rate."""
        return config.maker.learning_rate

    def weight_average(self, config: TrainConfig) -> float:
        """Return the decay of the average of its weights."""
        return config.maker.weight_average

    def finish(self, model: Trainable, layout: Layout, train: Batch, config: TrainConfig) -> Finished:
        """Return its graphs."""
        del train, config
        assert isinstance(model, Maker)  # noqa: S101 - made by `make`
        groups = tuple(tuple(head.index.tolist()) for head in model.head.groups)
        plan = Stepwise(order=tuple(model.order.tolist()), groups=groups)
        return Finished(generation_graphs(model, layout.without_arrays()), stepwise={"denoiser": plan})
