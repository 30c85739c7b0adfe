"""Records made column by column, with any cells given and any column restricted."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from augment.data import Encoded
from augment.runtime.chain import Chain, Draft
from augment.runtime.weighing import weighed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.runtime.chain import Place, Uniforms
    from augment.runtime.engine import Engine
    from augment.runtime.wish import Wish

__all__ = ["Maker", "maker_of"]


def maker_of(engine: Engine, sampler: str) -> Maker:
    """Return the maker of one of an engine's samplers, the same one for all calls."""
    return engine.makers.get(sampler) or engine.makers.setdefault(sampler, Maker(engine, sampler))


class Maker:
    """Makes the cells that are not given of blocks of records, or of what a graph may run on besides.

    For any number of threads.
    """

    def __init__(self, engine: Engine, sampler: str) -> None:
        self.sizes = engine.sizes
        self.block_rows = engine.block_rows
        self._chain_of = cache(partial(Chain, engine, sampler))
        self._columns = len(engine.stepwise[sampler].order)

    @property
    def columns(self) -> int:
        """C, the number of token columns."""
        return self._columns

    def rows(self, wish: Wish, place: Place, rows: int) -> Encoded:
        """Return records of the endless table of a seed and a wish.

        Where something is asked of a column that comes after one that is to be made, candidates are weighed
        (`augment.runtime.weighing`).

        Args:
            wish: What is asked of them.
            place: The first one's.
            rows: How many; one of `sizes`.
        """
        chain = self._chain_of(rows)
        addresses = np.arange(rows, dtype=np.int64) + (place.block * self.block_rows + place.start)
        if wish.pins or wish.shares:
            pin_u = chain.noise("pin_u", place)
        else:
            pin_u = np.zeros((rows, self.columns), np.float32)
        made = Draft(*wish.known(addresses, place.seed, pin_u))
        count = 1 + max(map(chain.order.index, wish.asked), default=-1)
        if made.open(chain.order[: max(0, count - 1)]):
            made = weighed(chain, made, wish, chain.order[:count], place)
        return self._completed(made, wish, chain.uniforms("", place))

    def complete(self, made: Draft, wish: Wish, place: Place) -> Encoded:
        """Return records of one of the `sizes`: their given cells as they are, the others drawn."""
        chain = self._chain_of(len(made.tokens))
        return self._completed(_copied(made), wish, chain.uniforms("", place))

    def likeliest(self, made: Draft, wish: Wish) -> Encoded:
        """Return records likewise, with the cells made that lie in the middle of their distributions."""
        middle = np.full(made.tokens.shape, 0.5, np.float32)
        return self._completed(_copied(made), wish, (middle, middle))

    def _completed(self, made: Draft, wish: Wish, uniforms: Uniforms) -> Encoded:
        """Make the open columns, in at most `steps` groups."""
        chain = self._chain_of(len(made.tokens))
        state = chain.start(made)
        groups = _cut(made.open(chain.order), wish.steps)
        for number, group in enumerate(groups):
            for column in groups[number - 1] if number else ():
                state = chain.absorbed(state, column, made)
            for column in group:
                chain.draw(chain.hidden(state, column), column, made, wish, uniforms)
        return Encoded(made.tokens, made.residuals, np.zeros((len(made.tokens), 0), np.float32))


def _copied(made: Draft) -> Draft:
    return Draft(made.tokens.copy(), made.residuals.copy(), made.given)


def _cut(columns: Sequence[int], steps: int) -> list[list[int]]:
    """Cut columns into at most so many groups of about equal size, in order."""
    count = min(steps, len(columns))
    return [part.tolist() for part in np.array_split(np.array(columns, int), count)] if count else []
