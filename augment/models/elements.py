"""The distribution of array elements: logistic, cut into steps and at the ends of the values there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from augment.data.layout import ArrayGrid
from augment.models.columns import array_spans

if TYPE_CHECKING:
    from augment.data.layout import Layout

__all__ = ["ElementLaw"]

_ANY = ArrayGrid(-1e3, 1e3)
_SCALE_FLOOR = 0.01
_STEP_SHARE = 0.1


class ElementLaw(nn.Module):
    """Likelihood and draws of array elements, given a location and a scale each: all of shape (N, D).

    An element is a draw from a logistic distribution, put to the nearest value that there is. So an image's
    black background is black and not nearly so: all that lies below the darkest value is the darkest. The
    probability of a step is what the distribution has between its neighbours' middles (Salimans et al.,
    PixelCNN++, 2017, section 2.1); an element that may have any value has a density, except at an end where
    training data has a spike.

    Attributes:
        floor: The smallest scale: a tenth of a step, or 0.01 standard deviations; without one, an element
            that is constant would make a density infinite.
    """

    low: Tensor
    high: Tensor
    step: Tensor
    ends: Tensor
    floor: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        spans = array_spans(layout)
        grids = layout.array_grids or (_ANY,) * len(spans)
        lengths = torch.tensor([span.stop - span.start for span in spans], dtype=torch.int64)
        rows = torch.tensor(list(map(_numbers, grids)), dtype=torch.float32).reshape(-1, 5)
        low, high, step, low_end, high_end = rows.repeat_interleave(lengths, dim=0).unbind(1)
        constants = {
            "low": low,
            "high": high,
            "step": step,
            "ends": torch.stack([low_end, high_end]),
            "floor": torch.where(step > 0, _STEP_SHARE * step, _SCALE_FLOOR),
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)

    def nll(self, elements: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Return the negative log-likelihood of each element in nats.

        Since sigma(b) - sigma(a) = sigma(b) sigma(-a) (1 - exp(a - b)), numbers near 1 are not subtracted;
        -log sigma(x) = softplus(-x), which onnxruntime computes without overflow, unlike log(sigma(x)).
        """
        half = self.step / 2
        above = (elements + half - location) / scale
        below = (elements - half - location) / scale
        is_low = (elements <= self.low + half) & (self.ends[0] > 0)
        is_high = (elements >= self.high - half) & (self.ends[1] > 0)
        width = torch.where(self.step > 0, -torch.expm1(-self.step / scale), 1 / scale)
        inside = torch.where(is_low | is_high, 0.0, -width.log())
        up = torch.where(is_high, 0.0, functional.softplus(-above))
        down = torch.where(is_low, 0.0, functional.softplus(below))
        return inside + up + down

    def draw(self, location: Tensor, scale: Tensor, uniform: Tensor) -> Tensor:
        """Return the elements that uniform numbers in (0, 1) stand for; `decode` puts them to their steps."""
        return self.clipped(location + scale * (uniform.log() - (-uniform).log1p()))

    def clipped(self, elements: Tensor) -> Tensor:
        """Return elements no lower than the lowest value and no higher than the highest."""
        return torch.minimum(torch.maximum(elements, self.low), self.high)


def _numbers(grid: ArrayGrid) -> tuple[float, float, float, float, float]:
    """Return low, high, step, and 1 for each end at which all that lies beyond it is put."""
    ends = (True, True) if grid.step > 0 else grid.spikes
    return (grid.low, grid.high, grid.step, float(ends[0]), float(ends[1]))
