"""Between records and the latent space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from augment.data import Encoded
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
    outputs = engine.run("decode", {"latent": latent})
    encoded = engine.encoded("decode", outputs)
    if "values" in outputs:
        encoded = _at_values(engine, encoded, outputs["values"])
    return engine.records(encoded, first_row)


def _at_values(engine: Engine, encoded: Encoded, values: NDArray[np.float32]) -> Encoded:
    """Return the records with each number that is not missing at the value nearest to a standardised one."""
    tokens, residuals = encoded.tokens.copy(), encoded.residuals.copy()
    for column, ordered in enumerate(engine.codec.layout.ordered):
        if ordered:
            present = tokens[:, column] > 0
            found = engine.codec.nearest(column, values[present, column])
            tokens[present, column], residuals[present, column] = found
    return Encoded(tokens, residuals, encoded.arrays)
