"""Records under conditions that weigh like those that the sampler makes without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from augment.runtime.chain import Draft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from augment.runtime.chain import Chain, Place, Uniforms
    from augment.runtime.wish import Wish

__all__ = ["CANDIDATES", "weighed"]

CANDIDATES = 8


def weighed(chain: Chain, known: Draft, wish: Wish, columns: Sequence[int], place: Place) -> Draft:
    """Return records with the first columns of the order of generation made as a wish asks.

    The sampler knows best how columns follow those before them; how they follow a column that comes later,
    and that is known, it knows less well. So 8 candidates are drawn for each record, with what is known or
    restricted taken first, and one is chosen with a probability proportional to how much likelier it is in
    the order of generation than it was to be drawn (sampling importance resampling; Rubin 1987).

    Args:
        chain: The sampler.
        known: The cells that are known before anything is drawn, in whole columns.
        wish: What is asked.
        columns: The first of the order of generation, up to the last that is asked about.
        place: Where the records lie.
    """
    candidates, log_weights = [], []
    for number in range(CANDIDATES):
        made = Draft(known.tokens.copy(), known.residuals.copy(), known.given)
        log_drawn = _draw(chain, made, wish, columns, chain.uniforms(f"candidate_{number}_", place))
        candidates.append(made)
        log_weights.append(_log_probability(chain, made, columns) - log_drawn)
    uniform = chain.noise("choice_u", place)[:, 0]
    chosen, rows = _chosen(np.stack(log_weights), uniform), np.arange(len(uniform))
    given = known.given.copy()
    given[:, columns] = 1
    return Draft(
        np.stack([made.tokens for made in candidates])[chosen, rows],
        np.stack([made.residuals for made in candidates])[chosen, rows],
        given,
    )


def _draw(
    chain: Chain, made: Draft, wish: Wish, columns: Sequence[int], uniforms: Uniforms
) -> NDArray[np.float32]:
    """Make a candidate's cells; returns how likely it was to be drawn as it was, in logarithms (N,)."""
    restricted_first = sorted(made.open(columns), key=lambda column: column not in wish.restrictions)
    state, total = chain.start(made), np.zeros(chain.rows, np.float32)
    for column in restricted_first:
        hidden = chain.hidden(state, column)
        log_mass = chain.draw(hidden, column, made, wish, uniforms)
        total += chain.log_probability(hidden, column, made.tokens[:, column]) - log_mass
        state = chain.absorbed(state, column, made)
    return total


def _log_probability(chain: Chain, made: Draft, columns: Sequence[int]) -> NDArray[np.float32]:
    """Return the log probability (N,) of the made columns in the order of generation."""
    alone = Draft(made.tokens, made.residuals, np.zeros_like(made.given))
    state, total = chain.start(alone), np.zeros(chain.rows, np.float32)
    for column in columns:
        total += chain.log_probability(chain.hidden(state, column), column, made.tokens[:, column])
        if column != columns[-1]:
            state = chain.absorbed(state, column, alone)
    return total


def _chosen(log_weights: NDArray[np.float32], uniform: NDArray[np.float32]) -> NDArray[np.intp]:
    """Draw a candidate for each row: log weights (K, N) and uniforms (N,) to numbers (N,)."""
    weights = np.exp((log_weights - log_weights.max(axis=0)).astype(np.float64))
    ends = np.cumsum(weights, axis=0)
    chosen: NDArray[np.intp] = np.minimum((ends < uniform * ends[-1]).sum(axis=0), len(weights) - 1)
    return chosen
