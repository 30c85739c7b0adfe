"""In which stages a decoder draws the columns: those that tell most of one another in different ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from augment.training.choosing import choose_rows

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models import Records

    Stages = tuple[tuple[int, ...], ...]

__all__ = ["choose_stages", "mutual_information", "stages_in_turn"]

_ROWS = 10_000
_MOST_COLUMNS = 200


def choose_stages(records: Records, columns: int, *, stages: int, generator: torch.Generator) -> Stages:
    """Share columns out to stages, so that those of one stage tell little of one another.

    Columns of a stage are drawn as independent given a latent vector. Greedy: the column that tells most of
    all others first, each to the stage whose columns it tells least of, of equals the emptiest.
    Beyond 200 columns, where pairs are too many, in turn.

    Args:
        records: The training rows.
        columns: How many token columns they have.
        stages: How many; no more than columns.
        generator: Draws the rows that are looked at, 10,000 at most.

    Returns:
        The columns of each stage, ascending; no stage is empty.
    """
    count = max(1, min(stages, columns))
    if columns > _MOST_COLUMNS:
        return stages_in_turn(columns, count)
    told = mutual_information(records.rows(choose_rows(len(records), _ROWS, generator)).tokens)
    members: list[list[int]] = [[] for _ in range(count)]
    for column in sorted(range(columns), key=lambda i: (-float(told[i].sum()), i)):
        costs = [(float(told[column, stage].sum()), len(stage)) for stage in members]
        members[costs.index(min(costs))].append(column)
    return tuple(tuple(sorted(stage)) for stage in members)


def stages_in_turn(columns: int, stages: int) -> Stages:
    """Share columns out without a look at the records: the first to the first stage, and so on."""
    count = max(1, min(stages, columns))
    return tuple(tuple(range(stage, columns, count)) for stage in range(count))


def mutual_information(tokens: Tensor) -> Tensor:
    """Return how many nats each two columns tell of one another: (N, C) to (C, C), 0 on the diagonal.

    Less what independent columns seem to tell in so few rows, `(V - 1)(W - 1) / 2N` of V and W tokens seen
    (Miller, Note on the bias of information estimates, 1955); never below 0.
    """
    rows, columns = tokens.shape
    seen = [torch.unique(tokens[:, i], return_inverse=True) for i in range(columns)]
    sizes = [len(values) for values, _ in seen]
    entropies = [_entropy(codes) for _, codes in seen]
    told = torch.zeros((columns, columns), dtype=torch.float64)
    for i in range(columns):
        for j in range(i):
            joint = _entropy(seen[i][1] * sizes[j] + seen[j][1])
            chance = (sizes[i] - 1) * (sizes[j] - 1) / (2 * rows)
            told[i, j] = told[j, i] = max(0.0, entropies[i] + entropies[j] - joint - chance)
    return told


def _entropy(codes: Tensor) -> float:
    counts = torch.bincount(codes).double()
    shares = counts[counts > 0] / len(codes)
    return float(-(shares * shares.log()).sum())
