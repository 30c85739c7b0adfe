"""A head that makes records in a few stages: what comes later hears what was drawn before."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.array_coding import ArrayHead
from augment.models.blocks import linear, looked_up
from augment.models.categorical import CategoricalHead
from augment.models.columns import array_spans, column_groups, element_columns
from augment.models.distribution import Inside, RecordDistribution, RecordShape
from augment.models.within_bin import WithinBin, wide_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.distribution import Noise

    Choose = Callable[[CategoricalHead, Tensor], Tensor]
    """A group's head and logits to the tokens (N, K) that later stages hear."""

__all__ = ["StagedHead", "best", "drawn", "given"]

_ECHO_WIDTH = 32
_START_SPREAD = 0.5
_START_GAIN = 0.1


def given(tokens: Tensor) -> Choose:
    """Let later stages hear the tokens of records (N, C)."""
    return lambda head, _: tokens.index_select(1, head.index)


def drawn(noise: Noise) -> Choose:
    """Let later stages hear the tokens that `RecordDistribution.draw` draws from the same noise."""
    return lambda head, logits: head.draw(logits, noise.token_u)


def best(*, missing: bool) -> Choose:
    """Let later stages hear the tokens that `RecordDistribution.best` gives."""
    return lambda head, logits: head.best(logits, missing=missing).tokens


class _Echo(nn.Module):
    """What a stage's tokens say to the stages after it: (N, K) to (N, 32), a sum of embeddings."""

    offsets: Tensor

    def __init__(self, layout: Layout, columns: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        *starts, total = accumulate((layout.vocab_sizes[column] for column in columns), initial=0)
        self.table = nn.Parameter(torch.empty(total, _ECHO_WIDTH))
        nn.init.normal_(self.table, 0.0, _START_SPREAD / math.sqrt(len(columns)), generator=generator)
        self.register_buffer("offsets", torch.tensor(starts), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what they say."""
        return looked_up(tokens + self.offsets, self.table, training=self.training).sum(1)


class StagedHead(nn.Module):
    """The distribution of a record: cells of one stage independent, given those of the stages before.

    Given a latent vector alone, cells would be independent of each other, and the decoder could only be
    sure that a doctorate goes with 16 years of schooling by a latent space that has both to the last
    digit, of which no prior draws quite the right points. Here the years are drawn first and the title hears
    them. Places inside bins and array elements come last and hear all tokens.

    Shape: (N, width) to a `RecordDistribution` of N rows.
    """

    places: Tensor
    owners: Tensor

    def __init__(
        self,
        layout: Layout,
        width: int,
        *,
        stages: tuple[tuple[int, ...], ...],
        blur: float,
        generator: torch.Generator,
    ) -> None:
        """Make a head.

        Args:
            layout: Of the records.
            width: Of the hidden states.
            stages: The columns of each stage; each column in one of them.
            blur: That of training targets, in ranks.
            generator: Draws the weights.
        """
        super().__init__()
        groups = [column_groups(layout, stage) for stage in stages]
        self.stages = nn.ModuleList(
            nn.ModuleList(CategoricalHead(layout, g, width, blur=blur, generator=generator) for g in stage)
            for stage in groups
        )
        self.within = WithinBin(layout, width, generator) if wide_columns(layout) else None
        self.arrays = ArrayHead(layout, width, generator) if layout.array_width else None
        heard = groups if self.within is not None or self.arrays is not None else groups[:-1]
        self.echoes = nn.ModuleList(_Echo(layout, _side_by_side(stage), generator) for stage in heard)
        self.listen = nn.ModuleList(
            linear(_ECHO_WIDTH, width, generator, gain=_START_GAIN) for _ in self.echoes
        )
        self.spans = array_spans(layout)
        columns = torch.tensor([column for stage in groups for column in _side_by_side(stage)])
        self.register_buffer("places", columns.argsort(), persistent=False)
        self.register_buffer("owners", element_columns(layout), persistent=False)

    def forward(self, hidden: Tensor, choose: Choose) -> RecordDistribution:
        """Return the distribution of the records behind `hidden`, whose tokens `choose` tells."""
        own, said = hidden, torch.zeros((), device=hidden.device)
        logits: list[Tensor] = []
        for index, stage in enumerate(map(_heads, self.stages)):
            told = [head(own) for head in stage]
            logits += told
            if index < len(self.echoes):
                tokens = [choose(head, one) for head, one in zip(stage, told, strict=True)]
                said = said + self.echoes[index](torch.cat(tokens, dim=1))
                own = hidden + self.listen[index](functional.silu(said))
        empty = hidden[:, :0]
        mean, scale = self.arrays(own) if self.arrays is not None else (empty, empty)
        law = self.arrays.law if self.arrays is not None else None
        inside = Inside(self.within, self.within(own)) if self.within is not None else None
        shape = RecordShape(self.places, self.spans, self.owners, law)
        return RecordDistribution(shape, self.groups, tuple(logits), inside, mean, scale)

    @property
    def groups(self) -> tuple[CategoricalHead, ...]:
        """The groups of token columns, stage by stage."""
        return tuple(head for stage in self.stages for head in _heads(stage))


def _heads(stage: nn.Module) -> tuple[CategoricalHead, ...]:
    """Return a stage's groups; what torch's lists hold is untyped."""
    return tuple(head for head in stage.children() if isinstance(head, CategoricalHead))


def _side_by_side(groups: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(column for group in groups for column in group)
