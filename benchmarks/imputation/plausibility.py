"""How plausible records are: the denoiser's pseudo-likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from augment.runtime.blocks import run_in_blocks

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data import Encoded
    from augment.runtime import Model

__all__ = ["implausibility"]

_SAMPLER = "denoiser"
_NEVER = -1e9


def implausibility(model: Model, table: pa.Table) -> NDArray[np.float64]:
    """Return the sum over columns of -log p(token | all other cells) of each record, in nats.

    Of numbers the token is the bin. Through the graphs that generate: a column's distribution is what
    is left of it if all but one of its tokens are ruled out.
    """
    encoded, _ = model.codec.encode(table)
    columns = len(model.codec.layout.names)
    return sum((_cell(model, encoded, column) for column in range(columns)), np.zeros(len(encoded.tokens)))


def _cell(model: Model, encoded: Encoded, column: int) -> NDArray[np.float64]:
    """Return -log p of one column's tokens given all other cells."""
    observed = np.ones(encoded.tokens.shape, np.float32)
    observed[:, column] = 0
    records = {"tokens": encoded.tokens, "residuals": encoded.residuals, "observed": observed}
    state = _run(model, "start", records)["state"]
    one = np.array([column], np.int32)
    hidden = _run(model, "hidden", {"state": state, "column": one})["hidden"]
    groups = model.manifest.stepwise[_SAMPLER].groups
    group = next(number for number, members in enumerate(groups) if column in members)
    graph = model._engine.graphs[f"{_SAMPLER}_draw_{group}"]  # noqa: SLF001 - no public way to a likelihood
    width = next(int(info.shape[1]) for info in graph.info.inputs if info.name == "low")
    result = np.zeros(len(encoded.tokens))
    for token in np.unique(encoded.tokens[:, column]):
        rows = np.flatnonzero(encoded.tokens[:, column] == token)
        weights = np.full((1, width), _NEVER, np.float32)
        weights[0, token] = 0
        inputs = {
            "hidden": hidden[rows],
            "place": np.array([groups[group].index(column)], np.int32),
            "log_weights": weights,
            "low": np.zeros((1, width), np.float32),
            "high": np.ones((1, width), np.float32),
            "token_u": np.full(len(rows), 0.5, np.float32),
            "residual_u": np.full(len(rows), 0.5, np.float32),
        }
        result[rows] = -_run(model, f"draw_{group}", inputs)["log_mass"]
    return result


def _run(model: Model, part: str, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    engine = model._engine  # noqa: SLF001 - as above
    return run_in_blocks(engine.graphs[f"{_SAMPLER}_{part}"], inputs, block_rows=engine.block_rows)
