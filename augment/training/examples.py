"""Inputs to try graphs on: real encoded records, and noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from augment.models import Batch, Graph, Port

__all__ = ["example_inputs"]

_OBSERVED_SHARE = 0.8
_NEVER = -1e9


@torch.no_grad()
def example_inputs(
    graph: Graph, graphs: Sequence[Graph], records: Batch, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Return one tensor for each input of `graph`, with as many rows as `records`.

    Latent vectors are those of the records, by the graph `encode` among `graphs`. Where a column is
    named, tokens and residuals are its own.
    """
    given = {"tokens": records.tokens, "residuals": records.residuals, "arrays": records.arrays}
    for other in graphs:
        if other.role == "encode":
            given["latent"] = other.module(*(given[port.name] for port in other.inputs))[0]
    for port in graph.inputs:
        if port.below is not None:
            given[port.name] = torch.randint(port.below, (1,), generator=generator, dtype=torch.int32)
    if "column" in given:
        column = int(given["column"])
        given |= {name: given[name][:, column].contiguous() for name in ("tokens", "residuals")}
    return tuple(
        given[port.name] if port.name in given else _made(port, len(records), generator)
        for port in graph.inputs
    )


def _made(port: Port, rows: int, generator: torch.Generator) -> Tensor:
    """Draw what the runtime would feed to an input of that name; flags are 1 in 80 % of the cells.

    Bounds allow most tokens, and of each the upper half.
    """
    rows = rows if port.rows is None else port.rows
    shape = (rows,) if port.width is None else (rows, port.width)
    if port.name.endswith("_normal") or port.name in {"state", "hidden", "token_values"}:
        return torch.randn(shape, generator=generator)
    uniform = torch.rand(shape, generator=generator)
    if port.name in {"observed", "doubt", "fresh"}:
        return (uniform < _OBSERVED_SHARE).float()
    if port.name == "log_weights":
        return torch.where(uniform < _OBSERVED_SHARE, 0.0, _NEVER)
    if port.name in {"low", "high"}:
        return torch.full(shape, 0.5 if port.name == "low" else 1.0)
    return uniform.clamp(1e-6, 1 - 1e-6)
