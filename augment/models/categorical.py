"""Token columns computed side by side: their logits, and what is done with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from augment.models.blocks import linear
from augment.models.blur import blurred_targets
from augment.models.columns import first_tokens

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout

__all__ = ["BestTokens", "CategoricalHead", "count_below", "draw_tokens"]

_MANY_TOKENS = 512
_FACTOR_WIDTH = 64
_START_GAIN = 0.1
_NEVER = -1e9
_RAREST = 1e-4
_FEW_TOKENS = 32
_NARROW = 16  # torch's softmax on the CPU is four times slower below one vector's width


@dataclass(frozen=True)
class BestTokens:
    """The tokens that stand for distributions; each tensor has shape (N, K).

    Attributes:
        tokens: int32.
        residuals: Where inside the token's bin, in [0, 1].
        probability: Of the token.
    """

    tokens: Tensor
    residuals: Tensor
    probability: Tensor


class CategoricalHead(nn.Module):
    """Logits of a group of K columns: shape (N, width) to (N, K, V), V being the largest vocabulary.

    Hidden states of shape (N, C, width) are each column's own.

    Tokens that a column does not have, and token 0 of one that is never missing, get the logit -1e9 and
    so the probability 0. Biases start at the logarithms of the training frequencies, so that training
    need not learn the marginals. Where V is above 512 the matrix has rank 64: 4,000 levels cost like 700,
    and rare ones borrow from one another.
    """

    index: Tensor
    vocabulary: Tensor
    blurred: Tensor | None
    starts: Tensor
    packed: Tensor
    never: Tensor
    last: Tensor
    may_miss: Tensor
    always_missing: Tensor

    def __init__(
        self,
        layout: Layout,
        columns: tuple[int, ...],
        width: int,
        *,
        blur: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        sizes = [layout.vocab_sizes[i] for i in columns]
        firsts = [first_tokens(layout)[i] for i in columns]
        self.shape = (len(columns), max(sizes))
        self.ordered = layout.ordered[columns[0]]
        self.narrow = linear(width, _FACTOR_WIDTH, generator) if max(sizes) > _MANY_TOKENS else None
        inputs = _FACTOR_WIDTH if self.narrow is not None else width
        self.logits = linear(inputs, len(columns) * max(sizes), generator, gain=_START_GAIN)
        starts = list(accumulate(layout.vocab_sizes, initial=0))
        packed = torch.zeros(self.shape, dtype=torch.int64)
        bias, never = torch.zeros(self.shape), torch.full(self.shape, _NEVER)
        for row, (column, size, first) in enumerate(zip(columns, sizes, firsts, strict=True)):
            bias[row, :size] = torch.from_numpy(np.log(np.maximum(layout.frequencies[column], _RAREST)))
            never[row, first:size] = 0
            packed[row, :size] = torch.arange(starts[column], starts[column] + size)
        with torch.no_grad():
            self.logits.bias.copy_(bias.flatten())
        self.register_buffer("index", torch.tensor(columns), persistent=False)
        blurred = blurred_targets(layout, columns, blur) if self.ordered and blur > 0 else None
        blurred = blurred.flatten(0, 1) if blurred is not None else None
        self.register_buffer("blurred", blurred, persistent=False)
        self.register_buffer("starts", torch.arange(len(columns)) * max(sizes), persistent=False)
        vocabulary = torch.arange(self.shape[1], dtype=torch.int32)
        self.register_buffer("vocabulary", vocabulary, persistent=False)
        self.register_buffer("packed", packed.flatten(), persistent=False)
        self.register_buffer("never", never, persistent=False)
        self.register_buffer("last", torch.tensor(sizes, dtype=torch.int32) - 1, persistent=False)
        self.register_buffer("may_miss", torch.tensor(firsts) == 0, persistent=False)
        self.register_buffer("always_missing", torch.tensor(sizes) == 1, persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the logits."""
        if hidden.dim() == 3:  # noqa: PLR2004 - rows, columns, width
            hidden = hidden.index_select(1, self.index)
        if self.narrow is not None:
            hidden = self.narrow(hidden)
        if hidden.dim() == 2:  # noqa: PLR2004 - rows, width
            bias = self.logits.bias + self.never.flatten()  # added up once, when onnxruntime loads the graph
            return functional.linear(hidden, self.logits.weight, bias).reshape(-1, *self.shape)
        weight, bias = self.column_weights()
        own = torch.bmm(hidden.transpose(0, 1), weight.transpose(1, 2)).transpose(0, 1)
        return own + bias + self.never

    def column_weights(self) -> tuple[Tensor, Tensor]:
        """Return the weights and biases of each column: (K, V, inputs) and (K, V)."""
        return self.logits.weight.reshape(*self.shape, -1), self.logits.bias.reshape(self.shape)

    def lean_to(self, logits: Tensor, tokens: Tensor, weight: Tensor) -> Tensor:
        """Return `logits` with that of each given token raised: all columns' tokens and weights (N, C)."""
        given = tokens.index_select(1, self.index).unsqueeze(2)
        weight = weight.index_select(1, self.index).unsqueeze(2)
        if self.training:
            return logits.scatter_add(2, given.long(), weight)
        return logits + (given == self.vocabulary) * weight

    def nll(self, logits: Tensor, tokens: Tensor, *, blur: bool) -> Tensor:
        """Return the cells' negative log-likelihoods in nats: all columns' tokens (N, C) to (N, K).

        An unknown value (token 0 of a column that is never missing) counts 0.

        Args:
            logits: Shape (N, K, V).
            tokens: Of all columns.
            blur: Take neighbours of ordered tokens for nearly right (`augment.models.blur`): to train by.
        """
        target = tokens.index_select(1, self.index).long()
        if blur and self.blurred is not None:
            rows = target + self.starts
            targets = self.blurred.index_select(0, rows.flatten()).reshape(logits.shape)
            cells = (targets * torch.log_softmax(logits, dim=2)).sum(2)
        elif self.training and self.shape[1] < _NARROW:
            cells = logits.gather(2, target.unsqueeze(2)).squeeze(2) - logits.logsumexp(2)
        else:
            cells = torch.log_softmax(logits, dim=2).gather(2, target.unsqueeze(2)).squeeze(2)
        return -cells * ((target > 0) | self.may_miss)

    def draw(self, logits: Tensor, token_u: Tensor) -> Tensor:
        """Draw tokens by the inverse of their cumulative distribution: (N, C) uniform to (N, K) int32.

        Token 0 at probability 0 is never drawn, because a uniform number is above 0. The cumulative sum
        may end a little below 1 by rounding; what lies past it goes to the column's last token.
        """
        uniform = token_u.index_select(1, self.index).unsqueeze(2)
        return torch.minimum(count_below(torch.softmax(logits, dim=2), uniform), self.last)

    def mean(self, logits: Tensor, values: Tensor) -> Tensor:
        """Return what cells that are not missing are worth in the mean.

        Args:
            logits: Shape (N, K, V).
            values: What each token is worth, all columns side by side: (1, tokens).

        Returns:
            Shape (N, K); 0 for columns that are always missing.
        """
        if self.shape[1] == 1:
            return torch.zeros_like(logits[:, :, 0])
        worth = values[0].index_select(0, self.packed).reshape(self.shape)[:, 1:]
        return (torch.softmax(logits[:, :, 1:], dim=2) * worth).sum(2)

    def best(self, logits: Tensor, *, missing: bool) -> BestTokens:
        """Return the median token of ordered columns and the most likely one of the others.

        Args:
            logits: Shape (N, K, V).
            missing: Whether a cell may come out missing: where that is likelier than the best value, in
                ordered columns likelier than all values together. Columns that are always missing do.
        """
        if self.shape[1] == 1:
            only = torch.ones_like(logits[:, :, 0])
            return BestTokens(torch.zeros_like(only, dtype=torch.int32), 0.5 * only, only)
        absent = torch.softmax(logits, dim=2)[:, :, 0] if missing else self.always_missing.to(logits.dtype)
        values = torch.softmax(logits[:, :, 1:], dim=2)
        tokens, residuals, probability = _median(values) if self.ordered else _mode(values)
        rival = 0.5 if self.ordered else probability * (1 - absent)
        may_miss = self.may_miss if missing else self.always_missing
        gone = (absent > rival) & may_miss
        return BestTokens(
            torch.minimum(tokens, self.last) * ~gone,
            torch.where(gone, 0.5, residuals),
            torch.where(gone, absent, probability * (1 - absent) if missing else probability),
        )


def draw_tokens(logits: Tensor, log_weights: Tensor, token_u: Tensor) -> tuple[Tensor, Tensor]:
    """Draw one column's tokens of those allowed: logits (N, V), weights (N, V), uniforms (N,).

    Args:
        logits: Without the weights.
        log_weights: -1e9 where a token must never be drawn; at least one may be.
        token_u: In (0, 1).

    Returns:
        Tokens, int32, and the logarithm of the probability of what is allowed, both (N,).
    """
    vocabulary = torch.arange(logits.shape[1], dtype=torch.int32, device=logits.device)
    last = torch.where(log_weights > _NEVER / 2, vocabulary, 0).max(1).values
    allowed = logits + log_weights
    peak, top = allowed.max(1, keepdim=True).values, logits.max(1, keepdim=True).values
    cumulative = (allowed - peak).exp().cumsum(1)
    total = cumulative[:, -1:]
    drawn = (cumulative < token_u.unsqueeze(1) * total).sum(1, dtype=torch.int32)
    every = (logits - top).exp().sum(1, keepdim=True)
    log_mass = (total.log() + peak - every.log() - top).squeeze(1)
    return torch.minimum(drawn, last.to(torch.int32)), log_mass


def count_below(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Return how many tokens' cumulative probabilities lie below a uniform number: (N, K, V) to (N, K) int32.

    Larger vocabularies go in two steps, because a cumulative sum costs onnxruntime more than the layer that
    makes the logits: first the run of tokens, of about sqrt(V), then the token of the run.
    """
    size = probabilities.shape[2]
    if size <= _FEW_TOKENS:
        return (probabilities.cumsum(2) < uniform).sum(2, dtype=torch.int32)
    tokens = torch.arange(size, device=probabilities.device)
    length = math.isqrt(size - 1) + 1
    steps = tokens[:length]
    ends = (tokens.unsqueeze(1) // length <= steps[: -(-size // length) - 1]).to(probabilities.dtype)
    before = probabilities @ ends  # cumulative probabilities at the ends of all runs but the last
    passed = before < uniform
    run = passed.sum(2, keepdim=True, dtype=torch.int32).long()
    below = (before * passed).max(2, keepdim=True).values
    inside = probabilities.gather(2, (run * length + steps).clamp(max=size - 1))
    upto = (steps.unsqueeze(1) <= steps).to(probabilities.dtype)
    token = run.squeeze(2) * length + (inside @ upto + below < uniform).sum(2, dtype=torch.int32)
    return token.to(torch.int32)


def _mode(probabilities: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the most likely token (from 1, int32), the middle of it, and its probability."""
    probability, token = probabilities.max(dim=2)
    return token.int() + 1, torch.full_like(probability, 0.5), probability


def _median(probabilities: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return where the cumulative distribution passes 1/2: token (from 1, int32), residual, probability.

    Worked example: probabilities 0.2, 0.6, 0.2 pass 1/2 in the second token, (0.5 - 0.2) / 0.6 = half
    of the way through it: token 2, residual 0.5, probability 0.6.
    """
    cumulative = probabilities.cumsum(2)
    below_half = cumulative[:, :, :-1] < 0.5  # noqa: PLR2004 - the median
    token = below_half.to(cumulative.dtype).sum(2, keepdim=True).long()  # onnxruntime sums floats fastest
    probability = probabilities.gather(2, token)
    below = cumulative.gather(2, token) - probability
    residual = ((0.5 - below) / probability).clamp(0, 1)
    return token.squeeze(2).int() + 1, residual.squeeze(2), probability.squeeze(2)
