"""Between records and the latent space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from augment.runtime.engine import graph_inputs
from augment.runtime.records_in import conformed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data import Unseen
    from augment.runtime.engine import Engine

__all__ = ["decoded", "posterior_means", "run_on_records"]


def run_on_records(
    engine: Engine, role: str, table: pa.Table, context: str = ""
) -> tuple[dict[str, NDArray[Any]], tuple[Unseen, ...]]:
    """Return a graph's outputs for a caller's records, and what the model never saw in them."""
    given = conformed(table, engine.codec.schema, partial=False, context=context)
    encoded, unseen = engine.codec.encode(given)
    return engine.run(role, graph_inputs(encoded)), unseen


def posterior_means(
    engine: Engine, table: pa.Table, context: str = ""
) -> tuple[NDArray[np.float32], tuple[Unseen, ...]]:
    """Return the latent vector of each record, shape (rows, latent width)."""
    outputs, unseen = run_on_records(engine, "encode", table, context)
    return outputs["latent"], unseen


def decoded(engine: Engine, latent: NDArray[np.float32], first_row: int = 0) -> pa.Table:
    """Return the most likely record of each latent vector; identifiers as for rows from `first_row`."""
    return engine.records(engine.encoded("decode", engine.run("decode", {"latent": latent})), first_row)
