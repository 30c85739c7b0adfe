"""Records of the neighbourhood of real ones: some of their cells hidden and drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from augment.data import Encoded
from augment.runtime.chain import Draft, Place
from augment.runtime.stepwise import maker_of
from augment.runtime.wish import Wish

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.runtime.engine import Engine
    from augment.runtime.stepwise import Maker

__all__ = ["Redrawn", "redrawn"]

_SAMPLER = "denoiser"


@dataclass(frozen=True)
class Redrawn:
    """Records made from others.

    Attributes:
        encoded: The records.
        cells: Which of their cells were drawn anew, booleans (N, C).
    """

    encoded: Encoded
    cells: NDArray[np.bool_]


def redrawn(
    engine: Engine, parents: Encoded, share: float, random: np.random.RandomState, *, kept: int
) -> Redrawn:
    """Hide a random part of each parent's cells and draw it from the denoiser given the rest.

    One step of the chain whose stationary distribution is what the denoiser has learnt (Bengio et al.,
    Generalized Denoising Auto-Encoders as Generative Models, 2013, section 3): a record in the data's
    support stays there, and few rows suffice to learn the step. With `share` 1 nothing but the kept
    column is given, and the record is made from nothing.

    Args:
        engine: Has the sampler `denoiser`.
        parents: N records.
        share: Of the cells that are hidden in the mean, above 0 and at most 1; at least one a record is.
        random: Chooses the cells, and the seed of the draws.
        kept: The column that is never hidden.
    """
    hidden = _hidden(parents.tokens.shape, share, random, kept)
    seed = int(random.randint(2**31))
    maker = maker_of(engine, _SAMPLER)
    parts = [_block(maker, parents, hidden, start, seed) for start in range(0, len(hidden), maker.block_rows)]
    tokens, residuals = (np.concatenate(side) for side in zip(*parts, strict=True))
    return Redrawn(Encoded(tokens, residuals, parents.arrays), hidden)


def _hidden(
    shape: tuple[int, ...], share: float, random: np.random.RandomState, kept: int
) -> NDArray[np.bool_]:
    """Choose the cells to hide, (N, C)."""
    rank = random.random_sample(shape)
    rank[:, kept] = 2
    hidden: NDArray[np.bool_] = (rank < share) | (rank == rank.min(axis=1, keepdims=True))
    return hidden & (rank < 2)  # noqa: PLR2004 - the kept column's


def _block(
    maker: Maker, parents: Encoded, hidden: NDArray[np.bool_], start: int, seed: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return tokens and residuals of one block's records; a block is filled up by its last row."""
    rows = np.minimum(np.arange(start, start + maker.block_rows), len(hidden) - 1)
    cells = Draft(parents.tokens[rows], parents.residuals[rows], (~hidden[rows]).astype(np.float32))
    place = Place(seed, start // maker.block_rows)
    made = maker.complete(cells, Wish(steps=maker.columns), place)
    count = min(maker.block_rows, len(hidden) - start)
    return made.tokens[:count], made.residuals[:count]
