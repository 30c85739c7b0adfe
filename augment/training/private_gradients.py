"""Gradients of DP-SGD: each record's own, shortened to one length, added up, and noise over the sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from augment.models.batch import Batch
from augment.training.secret_noise import secret_normal

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.trainable import Trainable
    from augment.training.privacy import Mechanism

    Gradients = dict[str, Tensor]

__all__ = ["PrivateGradients", "row_gradients", "start_apart"]

_MOST_NUMBERS = 2**25
_APART = 0.5


class PrivateGradients:
    """Puts the noisy gradient of a batch into a model's parameters.

    The mean over the expected number of records, `sample_rate * rows`, not over those that came: how many
    came is a secret too. No Opacus here: it hooks layers, and the models' tables, stages and columns'
    own weights are no layers of its kind; `torch.func` asks the loss itself.
    """

    def __init__(self, model: Trainable, mechanism: Mechanism, rows: int) -> None:
        self._model = model
        self._mechanism = mechanism
        self._expected = mechanism.sample_rate * rows
        weights = sum(parameter.numel() for parameter in model.parameters())
        self._rows_at_once = max(1, _MOST_NUMBERS // weights)

    def put(
        self, batch: Batch, generator: torch.Generator, progress: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Set `grad` of all parameters; returns the mean loss of the batch and its parts, for watching."""
        summed, totals = self.clipped_sum(batch, generator, progress)
        spread = self._mechanism.noise_multiplier * self._mechanism.max_grad_norm
        for name, parameter in self._model.named_parameters():
            noise = secret_normal(parameter.numel()).to(parameter.device).reshape(parameter.shape)
            gradient = (summed[name] + spread * noise) / self._expected
            if parameter.grad is None:
                parameter.grad = gradient
            else:  # a part of all weights' gradient, and has to stay it
                parameter.grad.copy_(gradient)
        means = {name: total / max(1, len(batch)) for name, total in totals.items()}
        return means.pop("total", torch.zeros(())), means

    def clipped_sum(
        self, batch: Batch, generator: torch.Generator, progress: float
    ) -> tuple[Gradients, dict[str, Tensor]]:
        """Return the sum of the records' gradients, none longer than `max_grad_norm`, and of their losses."""
        summed = {name: torch.zeros_like(one) for name, one in self._model.named_parameters()}
        totals: dict[str, Tensor] = {}
        for part in batch.split(self._rows_at_once) if len(batch) else ():
            rows, losses = row_gradients(self._model, part, generator, progress)
            flat = {name: one.flatten(1) for name, one in rows.items()}
            norm = torch.stack([one.norm(dim=1) for one in flat.values()]).norm(dim=0)
            factor = (self._mechanism.max_grad_norm / norm.clamp(min=1e-12)).clamp(max=1)
            sound = norm.isfinite()
            if not bool(sound.all()):  # a record without a gradient has no say
                flat, factor = {name: one[sound] for name, one in flat.items()}, factor[sound]
            for name, one in flat.items():
                summed[name] += (factor @ one).reshape(summed[name].shape)
            for name, loss in losses.items():
                totals[name] = totals[name] + loss.sum() if name in totals else loss.sum()
        return summed, totals


def row_gradients(
    model: Trainable, batch: Batch, generator: torch.Generator, progress: float
) -> tuple[Gradients, dict[str, Tensor]]:
    """Return each record's own gradient, (N, *parameter), and losses, (N,), of which `total` is the whole.

    Each is that of a batch of this record alone, so that no record has a say in another's.
    """
    loss = _LossOfOne(model, generator, progress)

    def of_one(weights: Gradients, *record: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        named = {f"model.{name}": weight for name, weight in weights.items()}
        return cast("tuple[Tensor, dict[str, Tensor]]", functional_call(loss, named, record))

    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    own = vmap(grad(of_one, has_aux=True), in_dims=(None, 0, 0, 0), randomness="different")
    found: Any = own(weights, batch.tokens, batch.residuals, batch.arrays)
    gradients, losses = found
    return gradients, losses


class _LossOfOne(nn.Module):
    """The loss of a batch of one record, as `functional_call` wants it."""

    def __init__(self, model: Trainable, generator: torch.Generator, progress: float) -> None:
        super().__init__()
        self.model = model
        self._generator = generator
        self._progress = progress

    def forward(self, *record: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss, and all losses by name."""
        batch = Batch(*(part.unsqueeze(0) for part in record))
        found = self.model.loss(batch, self._generator, progress=self._progress)
        return found.total, {"total": found.total.detach(), **found.parts}


@torch.no_grad()
def start_apart(model: nn.Module, generator: torch.Generator) -> None:
    """Give the first layers random biases.

    A record of which nothing is shown gives a hidden state of zeros, and LayerNorm's gradient there is
    300 times as long as elsewhere: shortened, nothing would be left of the other weights' part of it.
    """
    for name, module in model.named_modules():
        if name.split(".")[-1] == "first" and isinstance(module, nn.Linear):
            nn.init.normal_(module.bias, 0.0, _APART, generator=generator)
