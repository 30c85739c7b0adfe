"""Layers: linear maps made from a generator, dropout that takes one, and a residual trunk."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Trunk", "dropout", "linear", "looked_up"]


def linear(inputs: int, outputs: int, generator: torch.Generator, *, gain: float = 1.0) -> nn.Linear:
    """Return a linear map with uniform weights of standard deviation `gain / sqrt(inputs)`, bias 0.

    PyTorch's own constructor draws from the global generator; this one does not touch it.
    """
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    bound = gain * math.sqrt(3 / inputs)
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def dropout(values: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """Set a share `rate` of `values` to 0 and scale the rest by `1 / (1 - rate)`."""
    kept = torch.rand(values.shape, generator=generator, device=values.device) >= rate
    return values * kept / (1 - rate)


def looked_up(index: Tensor, table: Tensor, *, training: bool) -> Tensor:
    """Return rows of a table, as `functional.embedding` does: (...) and (V, width) to (..., width).

    Its gradient on the CPU is added up row by row, by as many calls. That of `index_select` is one, six times
    as fast; but on a GPU its sums come in any order, so that runs would not repeat.
    """
    if not training or table.is_cuda:
        return functional.embedding(index, table)
    return table.index_select(0, index.flatten()).reshape(*index.shape, -1)


class _ResidualBlock(nn.Module):
    """`x + linear(silu(norm(x)))`. Shape: (N, width) to (N, width)."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = linear(width, width, generator)

    def forward(self, hidden: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
        update: Tensor = self.linear(functional.silu(self.norm(hidden)))
        if generator is not None and rate > 0:
            update = dropout(update, rate, generator)
        return hidden + update


class Trunk(nn.Module):
    """A linear map, `layers - 1` residual blocks, LayerNorm and SiLU.

    Shape: (N, inputs) to (N, width).

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> trunk = Trunk(3, 8, layers=2, rate=0.1, generator=generator)
        >>> trunk(torch.zeros(5, 3)).shape
        torch.Size([5, 8])
    """

    def __init__(
        self, inputs: int, width: int, *, layers: int, rate: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.rate = rate
        self.first = linear(inputs, width, generator)
        self.blocks = nn.ModuleList(_ResidualBlock(width, generator) for _ in range(layers - 1))
        self.norm = nn.LayerNorm(width)

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Transform `inputs`; dropout is on in training mode where a `generator` is given."""
        noise = generator if self.training else None
        hidden: Tensor = self.first(inputs)
        for block in self.blocks:
            hidden = block(hidden, self.rate, noise)
        return functional.silu(self.norm(hidden))
