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


@torch.no_grad()
def example_inputs(
    graph: Graph, graphs: Sequence[Graph], records: Batch, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Return one tensor for each input of `graph`, with as many rows as `records`.

    Latent vectors are those of the records, by the graph `encode` among `graphs`.
    """
    given = {"tokens": records.tokens, "residuals": records.residuals, "arrays": records.arrays}
    for other in graphs:
        if other.role == "encode":
            given["latent"] = other.module(*(given[port.name] for port in other.inputs))[0]
    return tuple(
        given[port.name] if port.name in given else _noise(port, len(records), generator)
        for port in graph.inputs
    )


def _noise(port: Port, rows: int, generator: torch.Generator) -> Tensor:
    """Draw what the runtime would draw for an input of that name; flags are 1 in 80 % of the cells."""
    shape = (rows,) if port.width is None else (rows, port.width)
    if port.name.endswith("_normal"):
        return torch.randn(shape, generator=generator)
    uniform = torch.rand(shape, generator=generator)
    if port.name == "observed":
        return (uniform < _OBSERVED_SHARE).float()
    return uniform.clamp(1e-6, 1 - 1e-6)
