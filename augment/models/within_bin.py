"""Where inside its bin a number lies, given the rest of the record: a density for each token."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from augment.models.blocks import linear, looked_up

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout

__all__ = ["WithinBin", "place_between", "wide_columns"]

_PARTS = 8
_WIDTH = 32
_START_GAIN = 0.1


def wide_columns(layout: Layout) -> tuple[int, ...]:
    """Return the token columns that have a bin of several values."""
    return tuple(column for column, wide in enumerate(layout.wide) if wide.any())


class WithinBin(nn.Module):
    """A piecewise constant density over each wide token's bin, in 8 parts of equal rank.

    The parts' logits come from the hidden state and the token, so that two numbers that move together do
    so inside their bins as well. They start equal: what is drawn inside a bin is at first uniform by
    rank, which is the bin's own quantiles.

    Shape: hidden states (N, width), or each column's own (N, C, width), to contexts (N, K, 32) of the K
    columns of `wide_columns`.
    """

    index: Tensor
    rows: Tensor
    starts: Tensor
    wide: Tensor
    pick: Tensor

    def __init__(self, layout: Layout, width: int, generator: torch.Generator) -> None:
        super().__init__()
        columns = wide_columns(layout)
        largest = max(layout.vocab_sizes[column] for column in columns)
        self.shape = (len(columns), _WIDTH)
        self.context = linear(width, len(columns) * _WIDTH, generator)
        self.token = nn.Parameter(torch.empty(len(columns), largest, _WIDTH))
        nn.init.normal_(self.token, 0.0, 0.5, generator=generator)
        self.parts = nn.Parameter(torch.empty(len(columns), _WIDTH, _PARTS))
        nn.init.normal_(self.parts, 0.0, _START_GAIN / math.sqrt(_WIDTH), generator=generator)
        wide = torch.zeros((len(columns), largest))
        for row, column in enumerate(columns):
            wide[row, : layout.vocab_sizes[column]] = torch.from_numpy(layout.wide[column].astype(np.float32))
        pick = torch.arange(len(layout.names))
        pick[list(columns)] = len(layout.names) + torch.arange(len(columns))
        self.register_buffer("index", torch.tensor(columns), persistent=False)
        self.register_buffer("starts", torch.arange(len(columns)) * largest, persistent=False)
        self.register_buffer("rows", torch.arange(len(columns)), persistent=False)
        self.register_buffer("wide", wide, persistent=False)
        self.register_buffer("pick", pick, persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return what the hidden states say of each column."""
        if hidden.dim() == 2:  # noqa: PLR2004 - rows, width
            context: Tensor = self.context(hidden)
            return context.reshape(-1, *self.shape)
        weight = self.context.weight.reshape(*self.shape, -1).transpose(1, 2)
        own = torch.bmm(hidden.index_select(1, self.index).transpose(0, 1), weight).transpose(0, 1)
        return own + self.context.bias.reshape(self.shape)

    def nll(self, context: Tensor, tokens: Tensor, residuals: Tensor) -> Tensor:
        """Return the negative log densities in nats, all columns (N, C); 0 where a token is not wide."""
        own = tokens.index_select(1, self.index).long()
        part = (residuals.index_select(1, self.index) * _PARTS).long().clamp(max=_PARTS - 1)
        logits = self._logits(context, own)
        if self.training:  # torch's softmax is four times slower on so few
            log_mass = logits.gather(2, part.unsqueeze(2)).squeeze(2) - logits.logsumexp(2)
        else:
            log_mass = torch.log_softmax(logits, dim=2).gather(2, part.unsqueeze(2)).squeeze(2)
        density = log_mass + math.log(_PARTS)
        cells = -density * self.wide[self.rows, own]
        return torch.cat([torch.zeros_like(residuals), cells], dim=1).index_select(1, self.pick)

    def place(self, context: Tensor, tokens: Tensor, quantile: Tensor) -> Tensor:
        """Return where the quantiles (N, C) of the tokens' densities lie: residuals (N, C).

        Those of other columns, and of tokens that are not wide, are returned as they are.
        """
        own = tokens.index_select(1, self.index).long()
        wanted = quantile.index_select(1, self.index)
        placed = quantile_place(self._logits(context, own), wanted)
        kept = torch.where(self.wide[self.rows, own] > 0, placed, wanted)
        return torch.cat([quantile, kept], dim=1).index_select(1, self.pick)

    def column_logits(self, hidden: Tensor, row: Tensor, tokens: Tensor) -> Tensor:
        """Return one column's logits (N, 8): hidden states (N, width), its row of K (1,), tokens (N,)."""
        weight = self.context.weight.reshape(*self.shape, -1).index_select(0, row).squeeze(0)
        bias = self.context.bias.reshape(self.shape).index_select(0, row)
        token = self.token.index_select(0, row).squeeze(0).index_select(0, tokens)
        mixed = functional.silu(hidden @ weight.t() + bias + token)
        return mixed @ self.parts.index_select(0, row).squeeze(0)

    def _logits(self, context: Tensor, own: Tensor) -> Tensor:
        """Return the logits of the parts of the given tokens (N, K): (N, K, 8)."""
        if self.training:
            token = looked_up(own + self.starts, self.token.flatten(0, 1), training=True)
        else:
            token = self.token[self.rows, own]
        mixed = functional.silu(context + token)
        return torch.einsum("nkr,krp->nkp", mixed, self.parts)


def place_between(logits: Tensor, low: Tensor, high: Tensor, quantile: Tensor) -> Tensor:
    """Return quantiles of densities on [0, 1] cut to [low, high]: logits (N, P) and (N,) each, to (N,)."""
    mass = torch.softmax(logits, dim=-1)
    ends = mass.cumsum(-1)
    first, last = _mass_below(mass, ends, low), _mass_below(mass, ends, high)
    placed = quantile_place(logits, first + quantile * (last - first))
    return torch.minimum(torch.maximum(placed, low), high)


def _mass_below(mass: Tensor, ends: Tensor, place: Tensor) -> Tensor:
    """Return the mass (N,) below a place in [0, 1] of densities with parts of masses (N, P)."""
    parts = mass.shape[-1]
    part = (place * parts).long().clamp(max=parts - 1).unsqueeze(-1)
    own = mass.gather(-1, part)
    share = place.unsqueeze(-1) * parts - part
    below: Tensor = (ends.gather(-1, part) - own + own * share).squeeze(-1)
    return below


def quantile_place(logits: Tensor, quantile: Tensor) -> Tensor:
    """Return where piecewise constant densities on [0, 1] reach a quantile: (..., P) and (...) to (...).

    Worked example: two parts of probability 0.2 and 0.8 reach 0.6 after half of the second: 0.75.
    """
    mass = torch.softmax(logits, dim=-1)
    ends = mass.cumsum(-1)
    part = (ends[..., :-1] < quantile.unsqueeze(-1)).sum(-1, keepdim=True)
    below = ends.gather(-1, part) - mass.gather(-1, part)
    inside = ((quantile.unsqueeze(-1) - below) / mass.gather(-1, part).clamp(min=1e-12)).clamp(0, 1)
    return ((part + inside) / logits.shape[-1]).squeeze(-1)
