"""Training of the flow that new latent vectors come from, after the autoencoder's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from augment.models import LatentFlow
from augment.training.averaging import WeightAverage, set_weights
from augment.training.flat_weights import FlatWeights

if TYPE_CHECKING:
    from augment.data.layout import Layout
    from augment.models import Batch, Posterior

__all__ = ["fit_flow"]

_BATCH = 256
_LEARNING_RATE, _AVERAGE = 1e-3, 0.995
_LEAST_DEVIATION = 1e-3


def fit_flow(posterior: Posterior, records: Batch, layout: Layout, *, steps: int, seed: int) -> LatentFlow:
    """Fit a flow to draws from the posteriors of training records.

    Every step draws anew, so that few records are not learnt by heart: their posteriors overlap.

    Args:
        posterior: Where each record lies: (M, L).
        records: The records, M of them; their tokens are heard.
        layout: Theirs.
        steps: How many, of 256 records.
        seed: Of weights, batches and noise.
    """
    generator = torch.Generator().manual_seed(seed)
    spread = (posterior.mean.var(0, correction=0) + posterior.scale.square().mean(0)).sqrt()
    flow = LatentFlow(layout, posterior.mean.mean(0), spread.clamp(min=_LEAST_DEVIATION), generator)
    rows = len(records)
    flat = FlatWeights(flow)
    optimizer = torch.optim.AdamW([flat.all], lr=_LEARNING_RATE, weight_decay=1e-4, fused=True)
    average = WeightAverage(flat, _AVERAGE)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        index = torch.randint(rows, (_BATCH,), generator=generator)
        mean, scale = posterior.mean[index], posterior.scale[index]
        latents = mean + scale * torch.randn(mean.shape, generator=generator)
        flat.zero_grad()
        torch.autograd.backward(flow.loss(latents, records.rows(index), generator).total)
        optimizer.step()
        average.update()
    flat.release()
    set_weights(flow, average.weights)
    return flow.eval()
