"""The stacked autoencoder: each layer learns, without labels, the features of the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.blocks import dropout, linear
from augment.models.spoiling import spoil

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.autoencoder import Autoencoder
    from augment.models.batch import Batch

__all__ = ["pretrain_layers"]

_ROWS = 4096
_LEARNING_RATE = 1e-3


def pretrain_layers(
    model: Autoencoder, records: Batch, *, steps: int, batch_size: int, generator: torch.Generator
) -> None:
    """Train the encoder's layers in place, greedily from the first to the bottleneck.

    Each is the encoder of a small autoencoder of its own, whose input are the features of the layers below,
    which stay as they are (Bengio et al., Greedy Layer-Wise Training of Deep Networks, 2007). Where the
    model spoils records, the first is shown spoilt records, and the others features of which the same share
    is 0 (Vincent et al. 2010, section 3.5). The small decoders become the model's, where its are its own.

    Args:
        model: Whose layers to train.
        records: Of the training data.
        steps: For each layer.
        batch_size: Rows a step.
        generator: Draws batches, decoders and noise.
    """
    inputs = _in_parts(model.features, records)
    layers = [layer for layer in model.encoder if isinstance(layer, nn.Linear)]
    for place, layer in enumerate(layers):
        last = place == len(layers) - 1
        back = linear(layer.out_features, layer.in_features, generator)
        small = _Small(model, layer, back, first=place == 0, last=last)
        optimizer = torch.optim.AdamW([*layer.parameters(), *back.parameters()], lr=_LEARNING_RATE)
        for _ in range(steps):
            rows = torch.randint(len(records), (min(batch_size, len(records)),), generator=generator)
            loss = small.loss(inputs[rows], records.rows(rows), generator)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        _hand_over(model, back, len(layers) - 1 - place)
        if not last:
            inputs = torch.cat([small.features(part).detach() for part in torch.split(inputs, _ROWS)])


class _Small:
    """One layer and a decoder of its own."""

    def __init__(
        self, model: Autoencoder, layer: nn.Linear, back: nn.Linear, *, first: bool, last: bool
    ) -> None:
        self.model, self.layer, self.back, self.first, self.last = model, layer, back, first, last

    def features(self, inputs: Tensor) -> Tensor:
        """Return what the layer makes of its inputs; the bottleneck is not bent."""
        mapped: Tensor = self.layer(inputs)
        return mapped if self.last else _bent(mapped)

    def loss(self, inputs: Tensor, records: Batch, generator: torch.Generator) -> Tensor:
        """Return the mean error of the clean inputs from spoilt ones."""
        spoiling = self.model.options.spoiling
        shown, hidden = inputs, spoiling.mask + spoiling.swap
        if self.first and not spoiling.nothing:
            shown = spoil(inputs, self.model.features, spoiling, generator)
        elif hidden > 0:
            shown = dropout(inputs, min(hidden, 0.9), generator)
        back: Tensor = self.back(self.features(shown))
        if self.first:
            return self.model.features.distance(back, records).total.mean()
        return (_bent(back) - inputs).square().sum(1).mean()


def _bent(values: Tensor) -> Tensor:
    """Normalise and bend, as the model does with its hidden layers."""
    return functional.silu(functional.layer_norm(values, values.shape[-1:]))


def _hand_over(model: Autoencoder, back: nn.Linear, place: int) -> None:
    """Start the model's own decoder at a small one's."""
    own = model.decoder[place]
    if isinstance(own, nn.Linear):
        own.load_state_dict(back.state_dict())


@torch.no_grad()
def _in_parts(module: nn.Module, records: Batch) -> Tensor:
    return torch.cat([module(part) for part in records.split(_ROWS)])
