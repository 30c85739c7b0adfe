"""Paths between records, made column by column: each step lies between its ends and hangs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from augment.data import Encoded
from augment.runtime.bounds import NEVER, Bounds
from augment.runtime.chain import Draft
from augment.runtime.sizes import size_for
from augment.runtime.stepwise import maker_of
from augment.runtime.wish import Wish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from augment.data import Layout
    from augment.runtime.engine import Engine
    from augment.runtime.stepwise import Maker

__all__ = ["guided_paths"]

_SLACK = 0.15
_LEAST_SLACK = 0.02
_FARTHEST = 6.0


def guided_paths(engine: Engine, sampler: str, start: Encoded, end: Encoded, *, steps: int) -> Encoded:
    """Return `steps` records on the way from each row of `start` to that row of `end`, pair after pair.

    The ends are the records themselves. A step a share t of the way has numbers near (1 - t) of the way
    by rank, and of two levels one of them, weighed 1 - t to t: what of it, the sampler says, column by
    column, given the columns before. Where both ends agree, so does every step.

    Args:
        engine: Has the graphs of the sampler.
        sampler: Makes records column by column.
        start: Records, (pairs).
        end: As many.
        steps: Records a pair, at least 2.
    """
    pairs = len(start.tokens)
    share = np.tile(np.linspace(0.0, 1.0, steps), pairs)
    first, last = (_repeated(records, steps) for records in (start, end))
    maker = maker_of(engine, sampler)
    parts = [_block(engine.codec.layout, maker, *block) for block in _blocks(first, last, share, maker.sizes)]
    tokens, residuals = (np.concatenate(part)[: len(share)] for part in zip(*parts, strict=True))
    for records, where in ((first, share == 0), (last, share == 1)):
        tokens[where], residuals[where] = records.tokens[where], records.residuals[where]
    return Encoded(tokens, residuals, np.zeros((pairs * steps, 0), np.float32))


def _repeated(records: Encoded, steps: int) -> Encoded:
    return Encoded(
        records.tokens.repeat(steps, axis=0),
        records.residuals.repeat(steps, axis=0),
        records.arrays.repeat(steps, axis=0),
    )


def _blocks(
    first: Encoded, last: Encoded, share: NDArray[np.float64], sizes: Sequence[int]
) -> Iterator[tuple[Encoded, Encoded, NDArray[np.float64]]]:
    """Yield blocks of rows; the last one may be smaller, and is filled up with its last row."""
    for begin in range(0, len(share), sizes[-1]):
        size = size_for(len(share) - begin, sizes)
        rows = np.minimum(np.arange(begin, begin + size), len(share) - 1)
        ends = [Encoded(part.tokens[rows], part.residuals[rows], part.arrays[rows]) for part in (first, last)]
        yield ends[0], ends[1], share[rows]


def _block(
    layout: Layout, maker: Maker, first: Encoded, last: Encoded, share: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the tokens and residuals of one block of steps."""
    bounds = {}
    given = (first.tokens == last.tokens) & (first.residuals == last.residuals)
    for column in range(first.tokens.shape[1]):
        ends = [(part.tokens[:, column], part.residuals[:, column]) for part in (first, last)]
        bounds[column] = _between(layout, column, ends, share)
    cells = Draft(first.tokens.copy(), first.residuals.copy(), given.astype(np.float32))
    made = maker.likeliest(cells, Wish(steps=len(layout.names), bounds=bounds))
    return made.tokens, made.residuals


def _between(
    layout: Layout,
    column: int,
    ends: list[tuple[NDArray[np.int32], NDArray[np.float32]]],
    share: NDArray[np.float64],
) -> Bounds:
    """Return how much each token of a column is wanted a share of the way between two cells."""
    (first, _), (last, _) = ends
    bounds = Bounds.free((len(first), layout.vocab_sizes[column]))
    bounds.log_weights[:] = _one_of_two(first, last, share, layout.vocab_sizes[column])
    if layout.ordered[column]:
        ranks = layout.ranks[column].astype(np.float64)
        start, stop = (_rank(ranks, *end) for end in ends)
        numbers = (first > 0) & (last > 0)
        bounds.log_weights[numbers] = _near(ranks, start, stop, share)[numbers]
    return bounds


def _rank(
    ranks: NDArray[np.float64], tokens: NDArray[np.int32], residuals: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return where values lie in the training data's cumulative distribution."""
    low, high = ranks[tokens].T
    rank: NDArray[np.float64] = low + residuals * (high - low)
    return rank


def _one_of_two(
    first: NDArray[np.int32], last: NDArray[np.int32], share: NDArray[np.float64], vocabulary: int
) -> NDArray[np.float32]:
    """Return log weights that prefer two tokens, the nearer one rather."""
    weights = np.full((len(first), vocabulary), -_FARTHEST, np.float32)
    rows = np.arange(len(first))
    for tokens, weight in ((first, 1 - share), (last, share)):
        wanted = np.log(np.maximum(weight, np.exp(-_FARTHEST)))
        weights[rows, tokens] = np.maximum(weights[rows, tokens], wanted)
    weights[rows[first == last], first[first == last]] = 0
    return weights


def _near(
    ranks: NDArray[np.float64],
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    share: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return log weights of a bell around the way's rank, over each token's nearest rank."""
    middle = (start + share * (stop - start))[:, None]
    nearest = np.clip(middle, ranks[:, 0], ranks[:, 1])
    width = np.maximum(_SLACK * np.abs(stop - start), _LEAST_SLACK)[:, None]
    weights = np.maximum(-0.5 * ((nearest - middle) / width) ** 2, -_FARTHEST).astype(np.float32)
    weights[:, 0] = NEVER
    return weights
