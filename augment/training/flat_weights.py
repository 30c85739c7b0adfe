"""All weights of a model in one tensor, so that what is done with each weight is one operation for all."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FlatWeights"]

_ALIGNED = 16


class FlatWeights:
    """A model's parameters laid end to end: they and their gradients are views of one tensor, until released.

    A step of AdamW, the norm of the gradients and the average of the weights are otherwise some 60 small
    operations each, whose overhead is several times the work. Each parameter begins at a multiple of 64
    bytes, as it would alone; what lies between stays 0.

    Attributes:
        all: What an optimiser is given: float32, (weights and gaps,). Its `grad` is always there.
    """

    def __init__(self, model: nn.Module) -> None:
        self._parameters = list(model.parameters())
        sizes = [-(-parameter.numel() // _ALIGNED) * _ALIGNED for parameter in self._parameters]
        *self._starts, total = accumulate(sizes, initial=0)
        first = self._parameters[0]
        self.all = nn.Parameter(torch.zeros(total, dtype=first.dtype, device=first.device))
        self.all.grad = torch.zeros_like(self.all)
        for parameter, own, gradient in zip(
            self._parameters, self.views(self.all.detach()), self.views(self.all.grad), strict=True
        ):
            own.copy_(parameter.detach())
            parameter.data, parameter.grad = own, gradient

    def views(self, flat: Tensor) -> list[Tensor]:
        """Return each parameter's part of a tensor that is laid out as `all`, in the parameters' shapes."""
        places = zip(self._starts, self._parameters, strict=True)
        return [flat[start : start + own.numel()].view_as(own) for start, own in places]

    def zero_grad(self) -> None:
        """Set all gradients to 0."""
        assert self.all.grad is not None  # noqa: S101 - set above
        self.all.grad.zero_()

    def release(self) -> None:
        """Give each parameter memory of its own again, and no gradient."""
        for parameter in self._parameters:
            parameter.data, parameter.grad = parameter.detach().clone(), None
