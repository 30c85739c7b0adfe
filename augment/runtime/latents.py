"""Between records and the latent space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from augment.data import Encoded
from augment.runtime.engine import graph_inputs
from augment.runtime.records_in import conformed, latent_names
from augment.runtime.results import Latents, Records
from augment.runtime.stack import addresses, encoded_stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from augment.data import Unseen
    from augment.runtime.engine import Engine
    from augment.runtime.stack import Stack

__all__ = ["decoded", "latents", "posterior_means", "reconstructed", "run_on_stack"]


def run_on_stack(
    engine: Engine, role: str, stack: Stack
) -> tuple[dict[str, NDArray[Any]], list[tuple[Unseen, ...]]]:
    """Return a graph's outputs for callers' records, and for each caller what the model never saw."""
    encoded, unseen = encoded_stack(engine.codec, stack)
    return stack.engine(engine).run(role, graph_inputs(encoded)), unseen


def latents(engine: Engine, stack: Stack) -> list[Latents]:
    """Return the latent vectors of each caller's records."""
    outputs, unseen = run_on_stack(engine, "encode", stack)
    means = outputs["latent"]
    names = latent_names(means.shape[1])
    return [
        Latents(pa.table([pa.array(column) for column in means[span].T.copy()], names=names), told)
        for span, told in zip(stack.spans, unseen, strict=True)
    ]


def reconstructed(engine: Engine, stack: Stack, first_rows: Sequence[int]) -> list[Records]:
    """Return each caller's records encoded and decoded again."""
    outputs, unseen = run_on_stack(engine, "encode", stack)
    rows = addresses(stack.sizes, first_rows)
    made = stack.cut(decoded(stack.engine(engine), outputs["latent"], rows))
    return [Records(records, told) for records, told in zip(made, unseen, strict=True)]


def posterior_means(
    engine: Engine, table: pa.Table, context: str = ""
) -> tuple[NDArray[np.float32], tuple[Unseen, ...]]:
    """Return the latent vector of each record, shape (rows, latent width)."""
    given = conformed(table, engine.codec.schema, partial=False, context=context)
    encoded, unseen = engine.codec.encode(given)
    return engine.run("encode", graph_inputs(encoded))["latent"], unseen


def decoded(engine: Engine, latent: NDArray[np.float32], first_row: int | NDArray[np.uint64] = 0) -> pa.Table:
    """Return the most likely record of each latent vector.

    Identifiers are as for rows from `first_row`, or for the rows of these numbers.
    """
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
