"""How far the input of a step is from what its model learnt, column by column.

The training data stand in the bundle as counts of tokens, `missing` among them, so the input, or the first
rows of evenly spaced parts of it, is encoded and its tokens counted. The distance is the total variation,
`sum(|p - q|) / 2` in [0, 1]: the share of rows that would have to change (Levin, Peres and Wilmer 2009,
"Markov Chains and Mixing Times", proposition 4.2). Two samples of one source differ, too: by about
`sum(sqrt(2 p (1 - p) (1/n + 1/m) / pi)) / 2`, the mean absolute deviation of a normal with the binomial's
variance, which is told beside it.

Numbers beyond the training range count in the outermost bin, values that training never saw as missing; of
arrays only whether they are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from augment.scale.samples import given_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data import Codec
    from augment.scale.plan import Plan

__all__ = ["Drift", "drift_of", "total_variation"]

MAX_ROWS = 100_000


@dataclass(frozen=True)
class Drift:
    """One column.

    Attributes:
        distance: Total variation between the input and the training data, in [0, 1].
        expected: What it would be by chance, were the input rows of the training data's source.
        unseen: Share of cells with values that training never saw.
    """

    distance: float
    expected: float
    unseen: float


def total_variation(counts: NDArray[np.int64], training: NDArray[np.int64]) -> tuple[float, float]:
    """Return the distance of two samples, and what chance alone would make of it.

    Args:
        counts: Of each token in one, (tokens,).
        training: In the other.

    >>> distance, _ = total_variation(np.array([5, 5]), np.array([10, 0]))
    >>> distance
    0.5
    """
    rows, learnt = max(1, int(counts.sum())), max(1, int(training.sum()))
    shares, expected = counts / rows, training / learnt
    spread = np.sqrt(2 * expected * (1 - expected) * (1 / rows + 1 / learnt) / np.pi)
    return float(np.abs(shares - expected).sum() / 2), float(spread.sum() / 2)


def drift_of(plan: Plan, codec: Codec) -> dict[str, Drift]:
    """Return the drift of each column that the model learnt; nothing where there is no input.

    Raises:
        DataFileError: The input cannot be read.
        RecordsError: It does not fit the model.
    """
    names = codec.layout.names
    counts = [np.zeros(size, np.int64) for size in codec.layout.vocab_sizes]
    unseen = dict.fromkeys(names, 0)
    rows = 0
    for table in given_sample(plan, MAX_ROWS):
        encoded, new = codec.encode(table)
        rows += table.num_rows
        for each in new:
            unseen[each.column] += each.cells
        for column, tokens in zip(counts, encoded.tokens.T, strict=True):
            np.add(column, np.bincount(tokens, minlength=len(column)), out=column)
    training = [np.array(codec.column(index).table.counts, np.int64) for index in range(len(names))]
    found = {}
    for name, here, learnt in zip(names, counts, training, strict=True) if rows else ():
        found[name] = Drift(*total_variation(here, learnt), unseen[name] / rows)
    return found
