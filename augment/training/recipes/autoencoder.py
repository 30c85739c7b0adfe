"""The undercomplete autoencoder's recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.models import Autoencoder, AutoencoderOptions, Spoiling, autoencoder_graphs
from augment.models.stacked import pretrain_layers
from augment.training.choosing import choose_rows
from augment.training.recipes.recipe import Finished
from augment.training.sizing import Length
from augment.training.stored_records import in_memory

if TYPE_CHECKING:
    import torch

    from augment.data.layout import Layout
    from augment.models import Batch, Records, Trainable
    from augment.training.config import TrainConfig

__all__ = ["AutoencoderRecipe"]

_HIDDEN = (256,)
_WIDEST_LATENT = 32
_ROWS_OF_COMPONENTS = 20_000
_MOST_PLACES = 4_096
_LAYER_BATCH = 128


class AutoencoderRecipe:
    """Makes an `Autoencoder`, started at the principal components; exports `encode`, `decode`, `score`."""

    name = "autoencoder"

    def fits(self, layout: Layout) -> bool:
        """Return True: any records."""
        del layout
        return True

    def make(
        self, layout: Layout, config: TrainConfig, train: Records, generator: torch.Generator
    ) -> Autoencoder:
        """Return a new autoencoder; beyond 4,096 places its straight way starts at random."""
        chosen = config.autoencoder
        width = (len(layout.names) + layout.array_width) // 2
        options = AutoencoderOptions(
            latent_dim=chosen.latent_dim or max(1, min(_WIDEST_LATENT, width)),
            hidden=_HIDDEN if chosen.hidden is None else chosen.hidden,
            tied=chosen.tied,
            dropout=chosen.dropout,
            spoiling=Spoiling(chosen.mask, chosen.swap, chosen.gaussian, chosen.salt_and_pepper),
        )
        model = Autoencoder(layout, options, generator)
        rows = choose_rows(len(train), _ROWS_OF_COMPONENTS, generator)
        if chosen.layerwise_steps:
            model.keep_to_layers()
            pretrain_layers(
                model,
                in_memory(train, config.seed),
                steps=chosen.layerwise_steps,
                batch_size=config.batch_size or _LAYER_BATCH,
                generator=generator,
            )
        elif model.features.width <= _MOST_PLACES:
            model.start_at_components(train.rows(rows))
        return model

    def length(self, rows: int) -> Length:
        """Return how long it is trained, whatever the number of rows: its steps are cheap."""
        del rows
        return Length(passes=100, most_steps=6000)

    def learning_rate(self, config: TrainConfig) -> float:
        """Return its highest learning rate."""
        return config.autoencoder.learning_rate

    def weight_average(self, config: TrainConfig) -> float:
        """Return the decay of the average of its weights."""
        return config.weight_average

    def finish(self, model: Trainable, layout: Layout, train: Batch, config: TrainConfig) -> Finished:
        """Return its graphs."""
        del train, config
        assert isinstance(model, Autoencoder)  # noqa: S101 - made by `make`
        return Finished(autoencoder_graphs(model, layout), latent_dim=model.options.latent_dim)
