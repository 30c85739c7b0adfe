"""The hidden layers of a network that is told which column it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.blocks import dropout, linear

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TargetedTrunk"]


class TargetedTrunk(nn.Module):
    """Residual blocks `x + linear(silu(scale * norm(x) + shift))`, LayerNorm and SiLU.

    Each block's scale and shift are the target's own (Perez et al., FiLM, 2018): one network asked for one
    of `targets` columns spends its width on that column. They start at 1 and 0.

    Shape: states (N, width) and targets int64 (N,) or (1,) to (N, width).

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> trunk = TargetedTrunk(8, layers=2, targets=3, rate=0.1, generator=generator)
        >>> trunk(torch.zeros(5, 8), torch.tensor([2])).shape
        torch.Size([5, 8])
    """

    def __init__(
        self, width: int, *, layers: int, targets: int, rate: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.rate = rate
        self.layers = nn.ModuleList(linear(width, width, generator) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers + 1))
        self.scale = nn.Parameter(torch.zeros(layers + 1, targets, width))
        self.shift = nn.Parameter(torch.zeros(layers + 1, targets, width))

    def forward(self, state: Tensor, target: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Transform `state`; dropout is on in training mode where a `generator` is given."""
        for index, layer in enumerate(self.layers):
            update: Tensor = layer(self._activated(state, target, index))
            if generator is not None and self.training and self.rate > 0:
                update = dropout(update, self.rate, generator)
            state = state + update
        return self._activated(state, target, len(self.layers))

    def _activated(self, state: Tensor, target: Tensor, index: int) -> Tensor:
        """Return `silu(scale * norm(state) + shift)` of one block."""
        scale = 1 + self.scale[index].index_select(0, target)
        shift = self.shift[index].index_select(0, target)
        return functional.silu(self.norms[index](state) * scale + shift)
