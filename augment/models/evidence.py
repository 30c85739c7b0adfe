"""Whether a given cell is its record's own or has come from elsewhere, as a likelihood ratio."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from augment.models.columns import array_spans

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout

__all__ = ["SwapEvidence"]

_RAREST = 1e-4
_STRONGEST = 8.0


class SwapEvidence(nn.Module):
    """Shape: negative log-likelihoods (N, C) and given tokens (N, C) to logits (N, C).

    A cell that was swapped is a draw from its column's marginal q, an intact one from p(cell | record).
    By Bayes' rule the log odds of "intact" are log p - log q plus those of no knowledge. Each column has a
    weight for it, which starts at 1: a model that has hardly been trained can tell a swapped cell as soon
    as it can predict it. For arrays, which have no q here, it is the log-likelihood on a log scale, and
    the weight starts at 0.
    """

    offsets: Tensor
    log_frequency: Tensor
    is_array: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        starts = list(accumulate(layout.vocab_sizes, initial=0))[:-1]
        frequency = torch.from_numpy(np.concatenate(layout.frequencies).astype(np.float32))
        is_array = torch.zeros(len(layout.names))
        is_array[[span.presence for span in array_spans(layout)]] = 1
        self.weight = nn.Parameter(1 - is_array)
        self.register_buffer("offsets", torch.tensor(starts, dtype=torch.int32), persistent=False)
        self.register_buffer("is_array", is_array, persistent=False)
        log_frequency = frequency.clamp(min=_RAREST).log().unsqueeze(1)
        self.register_buffer("log_frequency", log_frequency, persistent=False)

    def forward(self, nll: Tensor, tokens: Tensor) -> Tensor:
        """Return what the likelihoods say for "intact"; no gradient reaches them."""
        nll = nll.detach()
        marginal = functional.embedding(tokens + self.offsets, self.log_frequency).squeeze(-1)
        cells = (-nll - marginal).clamp(-_STRONGEST, _STRONGEST)
        arrays = -torch.log1p(nll.clamp(min=0))
        evidence: Tensor = self.weight * torch.lerp(cells, arrays, self.is_array)
        return evidence
