"""Records made column by column, with any cells given and any column restricted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from augment.data import Encoded
from augment.runtime.chain import Chain, Draft
from augment.runtime.weighing import weighed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.runtime.chain import Uniforms
    from augment.runtime.engine import Engine
    from augment.runtime.wish import Wish

__all__ = ["Maker"]


class Maker:
    """Makes the cells that are not given of whole blocks of records."""

    def __init__(self, engine: Engine, sampler: str) -> None:
        self._chain = Chain(engine, sampler)
        self.block_rows = engine.block_rows

    @property
    def columns(self) -> int:
        """C, the number of token columns."""
        return len(self._chain.order)

    def block(self, wish: Wish, *, seed: int, block: int) -> Encoded:
        """Return the records of one block of the endless table of a seed and a wish.

        Where something is asked of a column that comes after one that is to be made, candidates are weighed
        (`augment.runtime.weighing`).
        """
        rows = np.arange(self.block_rows, dtype=np.int64) + block * self.block_rows
        if wish.pins or wish.shares:
            pin_u = self._chain.noise("pin_u", seed=seed, block=block)
        else:
            pin_u = np.zeros((self.block_rows, self.columns), np.float32)
        made = Draft(*wish.known(rows, seed, pin_u))
        order = self._chain.order
        count = 1 + max(map(order.index, wish.asked), default=-1)
        if made.open(order[: max(0, count - 1)]):
            made = weighed(self._chain, made, wish, order[:count], seed=seed, block=block)
        return self._completed(made, wish, self._chain.uniforms("", seed=seed, block=block))

    def complete(self, made: Draft, wish: Wish, *, seed: int, block: int) -> Encoded:
        """Return a block's records: its given cells as they are, the others drawn."""
        return self._completed(_copied(made), wish, self._chain.uniforms("", seed=seed, block=block))

    def likeliest(self, made: Draft, wish: Wish) -> Encoded:
        """Return a block's records with the cells made that lie in the middle of their distributions."""
        middle = np.full((self.block_rows, self.columns), 0.5, np.float32)
        return self._completed(_copied(made), wish, (middle, middle))

    def _completed(self, made: Draft, wish: Wish, uniforms: Uniforms) -> Encoded:
        """Make the open columns, in at most `steps` groups."""
        chain = self._chain
        state = chain.start(made)
        groups = _cut(made.open(chain.order), wish.steps)
        for number, group in enumerate(groups):
            for column in groups[number - 1] if number else ():
                state = chain.absorbed(state, column, made)
            for column in group:
                chain.draw(chain.hidden(state, column), column, made, wish, uniforms)
        return Encoded(made.tokens, made.residuals, np.zeros((self.block_rows, 0), np.float32))


def _copied(made: Draft) -> Draft:
    return Draft(made.tokens.copy(), made.residuals.copy(), made.given)


def _cut(columns: Sequence[int], steps: int) -> list[list[int]]:
    """Cut columns into at most so many groups of about equal size, in order."""
    count = min(steps, len(columns))
    return [part.tolist() for part in np.array_split(np.array(columns, int), count)] if count else []
