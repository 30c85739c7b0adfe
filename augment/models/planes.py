"""What an array's shape says of its elements: an image or a series of channels, or nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Planes", "planes_of"]

_LEAST_SIDE, _LEAST_LENGTH = 8, 32
_MOST_CHANNELS = 4
_SMALLEST, _MOST_HALVINGS = 4, 4
_IMAGE, _SERIES = 2, 1


@dataclass(frozen=True)
class Planes:
    """An array as channels over one or two sides in which neighbours are alike.

    Attributes:
        shape: The array's.
        channels: How many values lie at one place.
        last: The channels are the array's last side, not its first.
        sides: The others: (height, width) or (length,).
    """

    shape: tuple[int, ...]
    channels: int
    last: bool
    sides: tuple[int, ...]

    @property
    def halvings(self) -> int:
        """How often the sides are halved until the shorter one is at most 7, at most 4 times."""
        return max(1, min(_MOST_HALVINGS, int(math.log2(min(self.sides) / _SMALLEST))))

    @property
    def padded(self) -> tuple[int, ...]:
        """The sides rounded up, so that they can be halved so often."""
        unit = 1 << self.halvings
        return tuple(-(-side // unit) * unit for side in self.sides)

    def unfold(self, flat: Tensor) -> Tensor:
        """Return flat arrays (N, D) as planes (N, channels, *padded); what was padded is zeros."""
        if self.last and self.channels > 1:
            planes = flat.reshape(-1, *self.sides, self.channels).movedim(-1, 1)
        else:
            planes = flat.reshape(-1, self.channels, *self.sides)
        return functional.pad(planes, self._margins(1)) if self.padded != self.sides else planes

    def fold(self, planes: Tensor) -> Tensor:
        """Return planes (N, channels, *padded) as flat arrays (N, D)."""
        cut = functional.pad(planes, self._margins(-1)) if self.padded != self.sides else planes
        if self.last and self.channels > 1:
            cut = cut.movedim(1, -1)
        return cut.flatten(1)

    def _margins(self, sign: int) -> list[int]:
        """Return what `pad` adds: after each side, the last one first."""
        pairs = zip(reversed(self.sides), reversed(self.padded), strict=True)
        return [margin for side, wide in pairs for margin in (0, sign * (wide - side))]


def planes_of(shape: tuple[int, ...]) -> Planes | None:
    """Return how to look at an array of that shape; None: as numbers in no order, where it is small or odd.

    >>> planes_of((28, 28)).sides, planes_of((3, 32, 32)).channels, planes_of((140,)).sides, planes_of((4, 4))
    ((28, 28), 3, (140,), None)
    """
    candidates = [(1, False, shape)]
    if len(shape) > 1:
        candidates += [(shape[-1], True, shape[:-1]), (shape[0], False, shape[1:])]
    for channels, last, sides in candidates:
        least = _LEAST_SIDE if len(sides) == _IMAGE else _LEAST_LENGTH
        fits = len(sides) in {_SERIES, _IMAGE} and min(sides) >= least
        if fits and channels <= (_MOST_CHANNELS if len(sides) == _IMAGE else min(sides)):
            return Planes(shape, channels, last, sides)
    return None
