"""A trained model used in the process that trained it: torch runs its graphs, nothing is exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch

from augment.bundle import GraphInfo, TensorInfo
from augment.data import Codec, conform
from augment.errors import GraphError
from augment.runtime.asked import Asked
from augment.runtime.engine import Engine
from augment.runtime.generation import generated_batches
from augment.runtime.wish import wish_of
from augment.training.progress import Watcher
from augment.training.train import train_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from augment.data import Schema
    from augment.models import Graph
    from augment.training.config import TrainConfig
    from augment.training.recipes import Finished

__all__ = ["engine_of", "fit_engine", "sample"]


@dataclass(frozen=True)
class _TorchGraph:
    """A graph that torch runs; what the runtime's own `Graph` is to onnxruntime."""

    role: str
    info: GraphInfo
    graph: Graph

    @classmethod
    def of(cls, graph: Graph) -> _TorchGraph:
        """Take in a graph."""
        inputs, outputs = (
            tuple(TensorInfo(name=port.name, dtype=port.dtype, shape=port.shape) for port in ports)
            for ports in (graph.inputs, graph.outputs)
        )
        graph.module.eval()
        info = GraphInfo(file=f"{graph.role}.onnx", inputs=inputs, outputs=outputs)
        return cls(graph.role, info, graph)

    @torch.no_grad()
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the outputs by name."""
        tensors = [torch.from_numpy(np.ascontiguousarray(inputs[port.name])) for port in self.graph.inputs]
        outputs = self.graph.module(*tensors)
        return {port.name: value.numpy() for port, value in zip(self.graph.outputs, outputs, strict=True)}

    def fault(self, what: str) -> GraphError:
        """Return the error that says what this graph did wrong."""
        return GraphError("a model in memory", f"graph {self.role!r} {what}")


def fit_engine(
    table: pa.Table,
    schema: Schema,
    config: TrainConfig,
    watcher: Watcher | None = None,
    *,
    repeats: NDArray[np.int64] | None = None,
) -> Engine:
    """Learn a table and return what the runtime's operations run on.

    Args:
        table: The records.
        schema: Their columns.
        config: How to train.
        watcher: Is told of stages and epochs.
        repeats: How often each record counts in training, at least once; None: once. The encoding is
            that of the records counted once.

    Raises:
        SchemaError: The table does not fit the schema.
        TrainingError: Training cannot go on.
    """
    table = conform(table, schema)
    codec = Codec.fit(table, schema)
    encoded, _ = codec.encode(table)
    trained = train_models(encoded, codec.layout, config, watcher or Watcher(), repeats)
    return engine_of(codec, [model.finished for model in trained.values()], config.block_rows)


def engine_of(codec: Codec, finished: Sequence[Finished], block_rows: int) -> Engine:
    """Return what the runtime's operations run on, for trained models."""
    graphs = {graph.role: _TorchGraph.of(graph) for one in finished for graph in one.graphs}
    stepwise = {sampler: plan for one in finished for sampler, plan in one.stepwise.items()}
    return Engine(codec, graphs, block_rows, stepwise)


def sample(engine: Engine, sampler: str, rows: int, *, seed: int = 0) -> pa.Table:
    """Return `rows` synthetic records, from the first of the seed's endless table."""
    wish = wish_of(engine.codec.layout, Asked())
    batches = generated_batches(engine, sampler, wish, seed=seed, offset=0, rows=rows, max_rows=rows)
    return pa.Table.from_batches(batches, engine.codec.wire_schema).cast(engine.codec.result_schema)
