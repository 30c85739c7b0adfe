"""Softer targets for ordered columns: a token's near neighbours are nearly right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.data.layout import Layout

__all__ = ["blurred_targets"]

_NEVER_BLURS = 1e-3


def blurred_targets(layout: Layout, columns: Sequence[int], width: float) -> torch.Tensor | None:
    """Return what each token of some ordered columns becomes as a target: float32, (K, V, V).

    Which of 50 bins a value lies in is mostly chance where a bin holds 10 rows, and a model that is made
    to say which learns the chance. So token t counts as token k in proportion to
    `frequency[k] * exp(-(rank[t] - rank[k])**2 / (2 * width**2))`, by the ranks of their middles. A
    frequent single value is far in rank from its neighbours and stays as it is; frequencies of tokens
    stay what they are on the whole, because what t gives to k is what k gives to t. Missing stays missing.

    Worked example: 569 rows, 48 bins, `width` 20 rows: neighbouring bins are 0.021 apart and `width` is
    0.035, so a target spreads over about 5 bins. On 30,000 rows it spreads over none.

    Args:
        layout: Gives ranks and frequencies.
        columns: K ordered columns; V is their largest vocabulary.
        width: In ranks, above 0.

    Returns:
        The targets, row `[column, token]` adding up to 1; None if none differs from the token itself.
    """
    largest = max(layout.vocab_sizes[column] for column in columns)
    targets = torch.eye(largest).repeat(len(columns), 1, 1)
    for target, column in zip(targets, columns, strict=True):
        size = layout.vocab_sizes[column]
        middle = torch.tensor(layout.ranks[column]).mean(1)[1:]
        frequency = torch.tensor(layout.frequencies[column])[1:].clamp(min=1e-9)
        distance = (middle[:, None] - middle[None, :]) / width
        weights = frequency * torch.exp(-0.5 * distance.square())
        target[1:size, 1:size] = weights / weights.sum(1, keepdim=True)
    unchanged = float(targets.diagonal(dim1=1, dim2=2).min()) > 1 - _NEVER_BLURS
    return None if unchanged else targets
