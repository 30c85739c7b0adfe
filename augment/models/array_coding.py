"""Arrays to features and back: convolutions where the shape says that neighbours are alike, else numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.blocks import linear
from augment.models.columns import array_spans
from augment.models.convolution import Convolution, Widening
from augment.models.elements import ElementLaw
from augment.models.planes import planes_of

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.planes import Planes

__all__ = ["ArrayEncoder", "ArrayHead"]

_FIRST_CHANNELS, _MOST_CHANNELS = 16, 64
_START_GAIN = 0.1
_PARTS = 2


def _channels(level: int) -> int:
    """Return how many channels there are after so many halvings."""
    return min(_MOST_CHANNELS, _FIRST_CHANNELS << max(0, level - 1))


class _PlaneEncoder(nn.Module):
    """Halves the sides again and again. Shape: (N, D) to (N, `width`)."""

    def __init__(self, planes: Planes, generator: torch.Generator) -> None:
        super().__init__()
        self.planes = planes
        inputs, sides = planes.channels, planes.padded
        halve = []
        for level in range(1, planes.halvings + 1):
            halve.append(Convolution(inputs, _channels(level), sides, generator, stride=2))
            inputs, sides = _channels(level), tuple(side // 2 for side in sides)
        self.halve = nn.ModuleList(halve)
        self.width = inputs * math.prod(sides)

    def forward(self, flat: Tensor) -> Tensor:
        """Return features."""
        planes = self.planes.unfold(flat)
        for layer in self.halve:
            planes = functional.silu(layer(planes))
        return planes.flatten(1)


class _Flat(nn.Module):
    """Passes the numbers on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, flat: Tensor) -> Tensor:
        """Return them."""
        return flat


class ArrayEncoder(nn.Module):
    """Shape: elements of all arrays (N, D), zeros where none may be seen, to features (N, `width`)."""

    def __init__(self, layout: Layout, generator: torch.Generator) -> None:
        super().__init__()
        self.lengths = [span.stop - span.start for span in array_spans(layout)]
        parts: list[_PlaneEncoder | _Flat] = []
        for shape, length in zip(layout.array_shapes, self.lengths, strict=True):
            planes = planes_of(shape)
            parts.append(_Flat(length) if planes is None else _PlaneEncoder(planes, generator))
        self.parts = nn.ModuleList(parts)
        self.width = sum(part.width for part in parts)

    def forward(self, arrays: Tensor) -> Tensor:
        """Return features."""
        flats = torch.split(arrays, self.lengths, dim=1)
        return torch.cat([part(flat) for part, flat in zip(self.parts, flats, strict=True)], dim=1)


class _PlaneDecoder(nn.Module):
    """Doubles the sides again and again. Shape: (N, width) to (N, D) twice."""

    def __init__(self, planes: Planes, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.planes = planes
        levels = planes.halvings
        unit = 1 << levels
        sides = tuple(side // unit for side in planes.padded)
        self.start = (_channels(levels), *sides)
        self.first = linear(width, math.prod(self.start), generator)
        widen = []
        for level in range(levels, 1, -1):
            widen.append(Widening(_channels(level), _channels(level - 1), sides, generator))
            sides = tuple(2 * side for side in sides)
        outputs = _PARTS * planes.channels
        self.widen = nn.ModuleList(widen)
        self.last = Widening(_channels(1), outputs, sides, generator, gain=_START_GAIN)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the elements' locations and scales come from."""
        planes = functional.silu(self.first(hidden)).reshape(-1, *self.start)
        for layer in self.widen:
            planes = functional.silu(layer(planes))
        location, scale = self.last(planes).chunk(_PARTS, dim=1)
        return self.planes.fold(location), self.planes.fold(scale)


class _FlatDecoder(nn.Module):
    """Shape: (N, width) to (N, D) and (N, 1): a scale for each record, because few rows tell no more."""

    def __init__(self, length: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.location = linear(width, length, generator, gain=_START_GAIN)
        self.scale = linear(width, 1, generator, gain=_START_GAIN)
        self.length = length

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the elements' locations and scales come from."""
        return self.location(hidden), self.scale(hidden).expand(-1, self.length)


class ArrayHead(nn.Module):
    """Locations and scales of array elements: shape (N, width) to two of (N, D).

    Scales are learned, for each element and record: an element whose place says all about it is certain, and
    a record of which nothing is seen is not. They are never below `ElementLaw.floor`.
    """

    def __init__(self, layout: Layout, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.law = ElementLaw(layout)
        parts: list[_PlaneDecoder | _FlatDecoder] = []
        for shape, span in zip(layout.array_shapes, array_spans(layout), strict=True):
            planes = planes_of(shape)
            flat = _FlatDecoder(span.stop - span.start, width, generator) if planes is None else None
            parts.append(flat if planes is None else _PlaneDecoder(planes, width, generator))  # type: ignore[arg-type] # one of the two
        self.parts = nn.ModuleList(parts)
        self.element_location = nn.Parameter(torch.zeros(layout.array_width))
        self.element_scale = nn.Parameter(torch.zeros(layout.array_width))

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return locations and scales."""
        told = [part(hidden) for part in self.parts]
        location, scale = (torch.cat(part, dim=1) for part in zip(*told, strict=True))
        return self.element_location + location, self.law.floor + functional.softplus(
            self.element_scale + scale
        )
