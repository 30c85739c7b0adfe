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

    Of numbers the token is the bin. Through the graphs that generate: the mass of what may be drawn, where
    that is a record's own token alone.
    """
    encoded, _ = model.codec.encode(table)
    columns = len(model.codec.layout.names)
    return sum((_cell(model, encoded, column) for column in range(columns)), np.zeros(len(encoded.tokens)))


def _cell(model: Model, encoded: Encoded, column: int) -> NDArray[np.float64]:
    """Return -log p of one column's tokens given all other cells."""
    observed = np.ones(encoded.tokens.shape, np.float32)
    observed[:, column] = 0
    records = {"tokens": encoded.tokens, "residuals": encoded.residuals, "observed": observed}
    one = np.array([column], np.int32)
    hidden = _run(model, "hidden", _run(model, "start", records) | {"column": one})
    groups = model.manifest.stepwise[_SAMPLER].groups
    group = next(number for number, members in enumerate(groups) if column in members)
    rows, width = len(encoded.tokens), max(model.codec.layout.vocab_sizes[member] for member in groups[group])
    weights = np.full((rows, width), _NEVER, np.float32)
    weights[np.arange(rows), encoded.tokens[:, column]] = 0
    bounds = {"low": np.zeros((rows, width), np.float32), "high": np.ones((rows, width), np.float32)}
    half = np.full(rows, 0.5, np.float32)
    asked = {"place": np.array([groups[group].index(column)], np.int32), "log_weights": weights}
    noise = {"token_u": half, "residual_u": half}
    drawn = _run(model, f"draw_{group}", hidden | bounds | asked | noise)
    mass: NDArray[np.float64] = -drawn["log_mass"].astype(np.float64)
    return mass


def _run(model: Model, part: str, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    engine = model._engine  # noqa: SLF001 - there is no public way to a likelihood
    return run_in_blocks(engine.graphs[f"{_SAMPLER}_{part}"], inputs, sizes=engine.sizes)
