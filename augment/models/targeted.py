"""The hidden layers of a network that makes one column at a time: each column has its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.blocks import dropout

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TargetedTrunk"]


class TargetedTrunk(nn.Module):
    """Residual blocks `x + linear(silu(scale * norm(x) + shift))`, LayerNorm and SiLU, for each column.

    Only one column is asked for at a time, so that weights of its own cost no time. Where there are fewer
    sets of weights than columns, neighbours share one; scale and shift are always a column's own (Perez
    et al., FiLM, 2018), and start at 1 and 0.

    Shape: states (N, C, width), one for each column asked for, to (N, C, width).

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> trunk = TargetedTrunk(8, layers=2, columns=3, sets=3, rate=0.1, generator=generator)
        >>> trunk(torch.zeros(5, 3, 8)).shape
        torch.Size([5, 3, 8])
        >>> trunk.of_column(torch.zeros(5, 8), torch.tensor([2])).shape
        torch.Size([5, 8])
    """

    owner: Tensor

    def __init__(
        self, width: int, *, layers: int, columns: int, sets: int, rate: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.rate = rate
        self.layers = layers
        self.all_own = sets == columns
        self.weight = nn.Parameter(torch.empty(layers, sets, width, width))
        bound = math.sqrt(3 / width)
        nn.init.uniform_(self.weight, -bound, bound, generator=generator)
        self.scale = nn.Parameter(torch.zeros(layers + 1, columns, width))
        self.shift = nn.Parameter(torch.zeros(layers + 1, columns, width))
        self.register_buffer("owner", torch.arange(columns) * sets // columns, persistent=False)

    def forward(self, state: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Transform `state`; dropout is on in training mode where a `generator` is given."""
        own = (self.weight.flatten(0, 1),) if self.layers == 1 else self.weight.unbind()  # a view of one
        for layer in range(self.layers):
            active = self._activated(state, self.scale[layer], self.shift[layer])
            update = self._mixed(active, own[layer])
            if generator is not None and self.training and self.rate > 0:
                update = dropout(update, self.rate, generator)
            state = state + update
        return self._activated(state, self.scale[-1], self.shift[-1])

    def of_column(self, state: Tensor, column: Tensor) -> Tensor:
        """Transform the states (N, width) of one column, its number of shape (1,)."""
        scale, shift = self.scale.index_select(1, column), self.shift.index_select(1, column)
        owner = self.owner.index_select(0, column)
        for layer in range(self.layers):
            active = self._activated(state, scale[layer], shift[layer])
            state = state + active @ self.weight[layer].index_select(0, owner).squeeze(0)
        return self._activated(state, scale[-1], shift[-1])

    def _mixed(self, active: Tensor, weight: Tensor) -> Tensor:
        """Return each column's states times its own weights; a copy of them only where some share."""
        if len(weight) == 1:
            return active @ weight[0]
        own = weight if self.all_own else weight[self.owner]
        return torch.bmm(active.transpose(0, 1), own).transpose(0, 1)

    def _activated(self, state: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Return `silu(scale * norm(state) + shift)`."""
        normal = functional.layer_norm(state, state.shape[-1:])
        return functional.silu(normal * (1 + scale) + shift)
