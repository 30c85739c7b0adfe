"""Noisy arrays to clean ones: what to add to each element, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.blocks import linear
from augment.models.columns import array_spans
from augment.models.convolution import Convolution, Widening
from augment.models.planes import planes_of

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.planes import Planes

__all__ = ["ArrayRestorer"]

_LARGE_SIDE = 16
_CHANNELS_OF_LARGE, _CHANNELS_OF_SMALL = 32, 24
_FLAT_WIDTH = 256
_PARTS = 2
_START_GAIN = 0.1


class _Residual(nn.Module):
    """`planes + convolutions(silu(planes))`, one or two of them."""

    def __init__(
        self, channels: int, sides: tuple[int, ...], generator: torch.Generator, *, layers: int
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Convolution(channels, channels, sides, generator) for _ in range(layers))

    def forward(self, planes: Tensor) -> Tensor:
        """Transform."""
        update = planes
        for layer in self.layers:
            update = layer(functional.silu(update))
        return planes + update


class _PlaneRestorer(nn.Module):
    """A small U-Net (Ronneberger et al. 2015). Shape: (N, D) and (N, width) to (N, D) twice.

    Sides of 16 and more are halved at once: most of the work is then on a quarter of the places, and what
    is added to the given elements keeps their detail all the same.
    """

    def __init__(self, planes: Planes, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.planes = planes
        inputs, outputs, sides = planes.channels, _PARTS * planes.channels, planes.padded
        if min(sides) >= _LARGE_SIDE:
            channels = _CHANNELS_OF_LARGE
            half = tuple(side // 2 for side in sides)
            self.first = Convolution(inputs, channels, sides, generator, stride=2)
            self.last: nn.Module = Widening(channels, outputs, half, generator, gain=_START_GAIN)
            sides = half
        else:
            channels = _CHANNELS_OF_SMALL
            self.first = Convolution(inputs, channels, sides, generator)
            self.last = Convolution(channels, outputs, sides, generator, gain=_START_GAIN)
        half, deep = tuple(side // 2 for side in sides), 2 * channels
        self.before = _Residual(channels, sides, generator, layers=1)
        self.down = Convolution(channels, deep, sides, generator, stride=2)
        self.told = linear(width, deep, generator, gain=_START_GAIN)
        self.within = _Residual(deep, half, generator, layers=2)
        self.up = Widening(deep, channels, half, generator)
        self.after = _Residual(channels, sides, generator, layers=1)

    def forward(self, flat: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return what to add to the elements, and what their scales come from."""
        wide = self.before(self.first(self.planes.unfold(flat)))
        told = self.told(hidden)
        deep = self.down(functional.silu(wide)) + told.reshape(*told.shape, *[1] * len(self.planes.sides))
        wide = wide + self.up(functional.silu(self.within(deep)))
        update, scale = self.last(functional.silu(self.after(wide))).chunk(_PARTS, dim=1)
        return self.planes.fold(update), self.planes.fold(scale)


class _FlatRestorer(nn.Module):
    """Two hidden layers. Shape: (N, D) and (N, width) to (N, D) twice."""

    def __init__(self, length: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first = linear(length + width, _FLAT_WIDTH, generator)
        self.second = linear(_FLAT_WIDTH, _FLAT_WIDTH, generator)
        self.last = linear(_FLAT_WIDTH, _PARTS * length, generator, gain=_START_GAIN)

    def forward(self, flat: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return what to add to the elements, and what their scales come from."""
        first = self.first(torch.cat([flat, hidden], dim=1))
        second = first + self.second(functional.silu(first))
        update, scale = self.last(functional.silu(second)).chunk(_PARTS, dim=1)
        return update, scale


class ArrayRestorer(nn.Module):
    """Shape: given elements (N, D), zeros where none are, and what is known of the records (N, width)."""

    def __init__(self, layout: Layout, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.lengths = [span.stop - span.start for span in array_spans(layout)]
        parts: list[nn.Module] = []
        for shape, length in zip(layout.array_shapes, self.lengths, strict=True):
            planes = planes_of(shape)
            if planes is None:
                parts.append(_FlatRestorer(length, width, generator))
            else:
                parts.append(_PlaneRestorer(planes, width, generator))
        self.parts = nn.ModuleList(parts)

    def forward(self, arrays: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return clean locations, and what their scales come from: two of (N, D)."""
        flats = torch.split(arrays, self.lengths, dim=1)
        told = [part(flat, hidden) for part, flat in zip(self.parts, flats, strict=True)]
        update, scale = (torch.cat(part, dim=1) for part in zip(*told, strict=True))
        return arrays + update, scale
