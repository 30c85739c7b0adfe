"""Which cells of records to give up, and what the denoiser holds most likely in their place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.data import Encoded
from augment.runtime.engine import graph_inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.runtime.engine import Engine

__all__ = ["Verdict", "doubted_cells", "verdict_of"]


@dataclass(frozen=True)
class Verdict:
    """What is to become of each cell of some records; booleans and floats have the shape (rows, C).

    Attributes:
        encoded: What the caller gave.
        best: What the model believes in, without missing cells.
        replaced: The cell is given up, if anything was given at all.
        confidence: float32: the probability of what stands there now.
        threshold: Below which probability a cell was doubted; at 0 none was.
    """

    encoded: Encoded
    best: Encoded
    replaced: NDArray[np.bool_]
    confidence: NDArray[np.float32]
    threshold: float


@dataclass(frozen=True)
class _Doubts:
    """What was found in records whose cells may be wrong: who is doubted, and intactness."""

    doubted: NDArray[np.bool_]
    intact: NDArray[np.float32]
    arrays: NDArray[np.float32]


def verdict_of(engine: Engine, encoded: Encoded, *, threshold: float, mean: bool) -> Verdict:
    """Judge every cell, then impute what is missing or doubted from the rest, which is right by decree.

    A doubted cell stays if it is what the rest of its record makes likeliest.

    Args:
        engine: Has the graph `denoise`.
        encoded: Records.
        threshold: A cell is doubted where the probability that it is intact is below this.
        mean: Of numbers take the value nearest to the mean, rather than the median.
    """
    found = _doubts(engine, encoded, threshold)
    given = (encoded.tokens != 0) & ~found.doubted
    outputs = _asked(engine, encoded, given, doubt=0.0)
    best = engine.encoded("denoise", outputs, prefix="clean_")
    if mean:
        best = _means(engine, best, outputs["mean"])
    replaced = ~given & (best.tokens != encoded.tokens)
    if threshold > 0:
        best = replace(best, arrays=_denoised_arrays(engine, encoded, best, found))
    confidence = np.where(replaced, outputs["probability"], found.intact)
    return Verdict(encoded, best, replaced, np.clip(confidence, 0, 1).astype(np.float32), threshold)


def doubted_cells(engine: Engine, encoded: Encoded, threshold: float) -> NDArray[np.bool_]:
    """Return which given cells of token columns do not fit their records: (rows, C)."""
    return _doubts(engine, encoded, threshold).doubted


def _doubts(engine: Engine, encoded: Encoded, threshold: float) -> _Doubts:
    """Find the cells that are probably wrong and not what the model would put there anyway."""
    observed = encoded.tokens != 0
    if threshold == 0:
        return _Doubts(np.zeros_like(observed), observed.astype(np.float32), encoded.arrays)
    outputs = _asked(engine, encoded, observed, doubt=1.0)
    best = engine.encoded("denoise", outputs, prefix="clean_")
    doubted = observed & (outputs["intact"] < threshold) & (best.tokens != encoded.tokens)
    doubted[:, _presences(engine)] = False
    return _Doubts(doubted, outputs["intact"], best.arrays)


def _asked(
    engine: Engine, encoded: Encoded, given: NDArray[np.bool_], *, doubt: float
) -> dict[str, NDArray[Any]]:
    """Ask the graph about every token column."""
    flags = {
        "observed": given.astype(np.float32),
        "doubt": np.full(len(given), doubt, np.float32),
        "token_values": engine.codec.token_values[np.newaxis],
    }
    return engine.run("denoise", graph_inputs(encoded) | flags)


def _means(engine: Engine, best: Encoded, mean: NDArray[np.float32]) -> Encoded:
    """Return the records with each number where the mean is, or at the value nearest to it."""
    tokens, residuals = best.tokens.copy(), best.residuals.copy()
    for column, ordered in enumerate(engine.codec.layout.ordered):
        if ordered:
            tokens[:, column], residuals[:, column] = engine.codec.nearest(column, mean[:, column])
    return Encoded(tokens, residuals, best.arrays)


def _denoised_arrays(engine: Engine, encoded: Encoded, best: Encoded, found: _Doubts) -> NDArray[np.float32]:
    """Return the arrays: denoised where they were given, imputed where not."""
    owners = np.repeat(
        _presences(engine), [int(np.prod(shape)) for shape in engine.codec.layout.array_shapes]
    )
    there = encoded.tokens[:, owners] != 0
    arrays: NDArray[np.float32] = np.where(there, found.arrays, best.arrays)
    return arrays


def _presences(engine: Engine) -> NDArray[np.intp]:
    """Return the presence columns of the arrays."""
    layout = engine.codec.layout
    return np.arange(len(layout.names) - len(layout.array_names), len(layout.names))
