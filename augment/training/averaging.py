"""The running average of a model's weights, which is steadier than the weights themselves."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from augment.training.flat_weights import FlatWeights

__all__ = ["BestWeights", "WeightAverage", "copy_weights", "set_weights"]

_ALIKE = 1e-3


def copy_weights(model: nn.Module) -> list[Tensor]:
    """Return copies of the parameters, in their order."""
    return [parameter.detach().clone() for parameter in model.parameters()]


@torch.no_grad()
def set_weights(model: nn.Module, weights: list[Tensor]) -> None:
    """Set the parameters to copies of `weights`."""
    for parameter, weight in zip(model.parameters(), weights, strict=True):
        parameter.copy_(weight)


class WeightAverage:
    """An exponential average of a model's weights.

    Early on it forgets faster, so that it does not remember the start: after `t` updates the decay is at
    most (1 + t) / (10 + t).

    Attributes:
        weights: The average, in the order and shapes of the model's parameters.
    """

    def __init__(self, flat: FlatWeights, decay: float) -> None:
        self._now = flat.all.detach()
        self._decay = decay
        self._updates = 0
        self._flat = self._now.clone()
        self.weights = flat.views(self._flat)

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model's weights of now."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        self._flat.lerp_(self._now, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """Return the average and how much went into it."""
        return {"weights": self._flat, "updates": self._updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over another average."""
        self._flat.copy_(state["weights"])
        self._updates = state["updates"]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averaged weights into the model for a while."""
        own = self._now.clone()
        self._now.copy_(self._flat)
        try:
            yield
        finally:
            self._now.copy_(own)


class BestWeights:
    """The weights of the epoch with the lowest held-out loss so far; none at epoch 0."""

    def __init__(self) -> None:
        self.heldout_loss = math.inf
        self.train_loss = math.inf
        self.epoch = 0
        self._lowest = math.inf
        self._weights: list[Tensor] = []

    def offer(self, heldout_loss: float, train_loss: float, epoch: int, weights: list[Tensor]) -> bool:
        """Keep a copy of the weights if their held-out loss is the lowest; returns whether it is.

        Or as good as the lowest, to a thousandth: a held-out loss is known no better than that, and later
        weights, of a lower learning rate, are steadier.
        """
        if heldout_loss > self._lowest + _ALIKE * abs(self._lowest):
            return False
        return self.replace(heldout_loss, train_loss, epoch, weights)

    def replace(self, heldout_loss: float, train_loss: float, epoch: int, weights: list[Tensor]) -> bool:
        """Keep a copy of the weights, whatever their loss; returns whether it is the lowest."""
        lower = heldout_loss < self._lowest
        self._lowest = min(self._lowest, heldout_loss)
        self.heldout_loss, self.train_loss, self.epoch = heldout_loss, train_loss, epoch
        self._weights = [weight.clone() for weight in weights]
        return lower

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Take over what another one kept, its weights to `device`."""
        vars(self).update(state)
        self._weights = [weight.to(device) for weight in self._weights]

    def restore(self, model: nn.Module) -> None:
        """Put the kept weights into the model, for inference."""
        set_weights(model, self._weights)
        model.eval()
