"""Convolutions over one or two sides, made from a generator, that say what they cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Convolution", "Widening"]


class _Kernel(nn.Module):
    """Weights of a convolution.

    Attributes:
        multiply_adds: Of one record, forward.
    """

    def __init__(
        self, shape: tuple[int, ...], outputs: int, places: int, generator: torch.Generator, gain: float
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.multiply_adds = math.prod(shape) * places
        fan_in = math.prod(shape) // outputs
        bound = gain * math.sqrt(3 / fan_in)
        nn.init.uniform_(self.weight, -bound, bound, generator=generator)


class Convolution(_Kernel):
    """Shape: (N, inputs, *sides) to (N, outputs, *sides), or half the sides with `stride` 2.

    Kernels are 3 wide, or 4 with `stride` 2, so that each input counts alike.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        sides: tuple[int, ...],
        generator: torch.Generator,
        *,
        stride: int = 1,
        gain: float = 1.0,
    ) -> None:
        kernel = (3 if stride == 1 else 4,) * len(sides)
        places = math.prod(side // stride for side in sides)
        super().__init__((outputs, inputs, *kernel), outputs, places, generator, gain)
        self.stride = stride
        self.apply_kernel = functional.conv1d if len(sides) == 1 else functional.conv2d

    def forward(self, planes: Tensor) -> Tensor:
        """Convolve."""
        return self.apply_kernel(planes, self.weight, self.bias, stride=self.stride, padding=1)


class Widening(_Kernel):
    """Shape: (N, inputs, *sides) to (N, outputs, *twice the sides): what `Convolution` of stride 2 undoes."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        sides: tuple[int, ...],
        generator: torch.Generator,
        *,
        gain: float = 1.0,
    ) -> None:
        kernel = (4,) * len(sides)
        super().__init__((inputs, outputs, *kernel), outputs, math.prod(sides), generator, gain * 2)
        self.apply_kernel = functional.conv_transpose1d if len(sides) == 1 else functional.conv_transpose2d

    def forward(self, planes: Tensor) -> Tensor:
        """Convolve."""
        return self.apply_kernel(planes, self.weight, self.bias, stride=2, padding=1)
