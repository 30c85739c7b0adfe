"""The graphs that make records column by column, with any columns given.

What the given cells say adds up in a state. A column is made by asking the hidden layers for it, drawing
from its distribution, and adding what was drawn to the state. First layer and embeddings are folded into
one table, so that taking in a cell is a look-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from augment.models.batch import Batch
from augment.models.categorical import draw_tokens
from augment.models.trainable import Graph, Port
from augment.models.within_bin import place_between

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.maker import Maker

__all__ = ["generation_graphs"]


def generation_graphs(maker: Maker, layout: Layout) -> tuple[Graph, ...]:
    """Return `denoiser_start`, `denoiser_hidden`, `denoiser_absorb` and a `denoiser_draw_<g>` a group."""
    columns, width = len(layout.names), maker.options.hidden
    state, hidden = Port("state", "float32", width), Port("hidden", "float32", width)
    column = Port("column", "int32", None, rows=1, below=columns)
    tokens, residuals = Port("tokens", "int32", None), Port("residuals", "float32", None)
    records = (
        Port("tokens", "int32", columns),
        Port("residuals", "float32", columns),
        Port("observed", "float32", columns),
    )
    cell = (tokens, residuals, Port("fresh", "float32", None))
    draws = []
    for index, head in enumerate(maker.head.groups):
        bounds = tuple(Port(name, "float32", head.shape[1]) for name in ("log_weights", "low", "high"))
        noise = (Port("token_u", "float32", None), Port("residual_u", "float32", None))
        place = Port("place", "int32", None, rows=1, below=head.shape[0])
        drawn = (tokens, residuals, Port("log_mass", "float32", None))
        role = f"denoiser_draw_{index}"
        draws.append(Graph(role, _Draw(maker, index), (hidden, place, *bounds, *noise), drawn))
    return (
        Graph("denoiser_start", _Start(maker), records, (state,)),
        Graph("denoiser_hidden", _Hidden(maker), (state, column), (hidden,)),
        Graph(
            "denoiser_absorb",
            _Absorb(maker),
            (state, column, *cell),
            (Port("next_state", "float32", width),),
        ),
        *draws,
    )


class _Start(nn.Module):
    """Records and the flags of the given cells, to the state that they leave."""

    def __init__(self, maker: Maker) -> None:
        super().__init__()
        self.maker = maker

    def forward(self, tokens: Tensor, residuals: Tensor, observed: Tensor) -> tuple[Tensor]:
        batch = Batch(tokens, residuals, residuals[:, :0])
        return (self.maker.state(batch, observed),)


class _Hidden(nn.Module):
    """A state and the column asked for, to the hidden state that its distribution comes from."""

    def __init__(self, maker: Maker) -> None:
        super().__init__()
        self.trunk = maker.trunk

    def forward(self, state: Tensor, column: Tensor) -> tuple[Tensor]:
        return (self.trunk.of_column(state, column),)


class _Absorb(nn.Module):
    """Cells of one column into the state, where `fresh` is 1."""

    table: Tensor
    number_weights: Tensor

    def __init__(self, maker: Maker) -> None:
        super().__init__()
        self.embedding = maker.embedding
        table, numbers = maker.embedding.folded(maker.first.weight.detach())
        self.register_buffer("table", table, persistent=False)
        self.register_buffer("number_weights", numbers, persistent=False)

    def forward(
        self, state: Tensor, column: Tensor, tokens: Tensor, residuals: Tensor, fresh: Tensor
    ) -> tuple[Tensor]:
        packed = tokens + self.embedding.offsets.index_select(0, column)
        said = self.table.index_select(0, packed)
        features = self.embedding.number_features(packed, residuals, tokens > 0)
        weights = self.number_weights.index_select(0, column).squeeze(0)
        return (state + (said + features @ weights) * fresh.unsqueeze(1),)


class _Draw(nn.Module):
    """A hidden state to a draw of one column of a group, of what is allowed by weight and place.

    `log_mass` is the logarithm of the probability of all that is allowed, inside of bins by rank.
    """

    weight: Tensor
    bias: Tensor
    inside: Tensor
    is_wide: Tensor

    def __init__(self, maker: Maker, group: int) -> None:
        super().__init__()
        head = maker.head.groups[group]
        self.narrow = head.narrow
        self.within = maker.head.within
        weight, bias = (part.detach() for part in head.column_weights())
        inner = self.within.index.tolist() if self.within is not None else []
        places = [inner.index(column) if column in inner else -1 for column in head.index.tolist()]
        inside = torch.tensor(places)
        self.has_inside = max(places) >= 0
        wide = (inside >= 0).float()
        for name, value in {
            "weight": weight.transpose(1, 2).contiguous(),
            "bias": bias + head.never,
            "inside": inside.clamp(min=0),
            "is_wide": wide,
        }.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, hidden: Tensor, place: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        log_weights, low, high, token_u, residual_u = rest
        shared = self.narrow(hidden) if self.narrow is not None else hidden
        logits = shared @ self.weight.index_select(0, place).squeeze(0) + self.bias.index_select(0, place)
        tokens, log_mass = draw_tokens(logits, log_weights, token_u)
        drawn = tokens.long().unsqueeze(1)
        lows, highs = low.gather(1, drawn).squeeze(1), high.gather(1, drawn).squeeze(1)
        residuals = lows + residual_u * (highs - lows)
        if self.within is not None and self.has_inside:
            column = self.inside.index_select(0, place)
            inner = tokens.clamp(max=self.within.wide.shape[1] - 1)  # a column that is not wide may have more
            parts = self.within.column_logits(hidden, column, inner)
            placed = place_between(parts, lows, highs, residual_u)
            wide = self.within.wide.index_select(0, column)[0].index_select(0, inner)
            residuals = torch.where(wide * self.is_wide.index_select(0, place) > 0, placed, residuals)
        return tokens, residuals, log_mass
