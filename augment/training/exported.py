"""Trained models as the graphs and golden cases of a bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from augment.bundle import GoldenCase
from augment.training.examples import example_inputs
from augment.training.export import to_onnx
from augment.training.parity import check_parity, open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.models import Batch, Graph

__all__ = ["ExportedGraphs", "export_graphs"]

_TRACED_ROWS = 4
_ODD_ROWS = 7


@dataclass(frozen=True)
class ExportedGraphs:
    """ONNX files by role, and at least one golden case of each."""

    graphs: dict[str, bytes]
    golden: list[GoldenCase]


def export_graphs(graphs: Sequence[Graph], records: Batch, *, block_rows: int, seed: int) -> ExportedGraphs:
    """Export graphs, check each against torch on real records, and record golden cases.

    Each is checked at batch sizes 1, 7 and `block_rows`; the 7 rows become the golden case.

    Args:
        graphs: What to export; `encode` among them serves `decode` with latent vectors to try.
        records: Real encoded records to try the graphs on; used again where they are too few.
        block_rows: The batch size that the runtime uses.
        seed: Of the noise that graphs are tried with.

    Raises:
        ExportError: A graph cannot be exported, or onnxruntime computes something else than torch.
    """
    generator = torch.Generator().manual_seed(seed)
    exported = ExportedGraphs({}, [])
    for graph in graphs:
        traced = example_inputs(graph, graphs, _first(records, _TRACED_ROWS), generator)
        onnx_bytes = to_onnx(graph, traced)
        session = open_session(onnx_bytes)
        for rows in (1, _ODD_ROWS, block_rows):
            inputs = example_inputs(graph, graphs, _first(records, rows), generator)
            outputs = check_parity(session, graph, inputs)
            if rows == _ODD_ROWS:
                named = {port.name: value.numpy() for port, value in zip(graph.inputs, inputs, strict=True)}
                exported.golden.append(GoldenCase(graph.role, named, outputs))
        exported.graphs[graph.role] = onnx_bytes
    return exported


def _first(records: Batch, rows: int) -> Batch:
    return records.rows(torch.arange(rows) % len(records))
