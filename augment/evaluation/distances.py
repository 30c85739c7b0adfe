"""Distances between mixed rows: the sum over the columns of how far the cells lie apart, each in [0, 1].

After Gower, "A General Coefficient of Similarity and Some of Its Properties" (Biometrics, 1971), with
numbers by their rank among the real ones, so that no tail outweighs the rest, and missing as a level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.evaluation.rows import Rows

__all__ = ["Gower"]

_BLOCK = (128, 1024)  # rows by rows that are compared at a time: the sums stay in a core's cache
_ABSENT = 2.0  # further than 1 from any rank


@dataclass(frozen=True)
class Gower:
    """The distance; fitted on real rows, seen and unseen alike, so that it favours neither.

    Attributes:
        values: The distinct values of each number, ascending.
        ranks: Their ranks in [0, 1].
    """

    values: tuple[NDArray[np.float64], ...]
    ranks: tuple[NDArray[np.float64], ...]

    @classmethod
    def fit(cls, rows: Rows) -> Self:
        """Learn how the numbers rank."""
        values, ranks = [], []
        for column in rows.numbers.T:
            found, counts = np.unique(column[~np.isnan(column)], return_counts=True)
            values.append(found)
            ranks.append((np.cumsum(counts) - counts / 2) / max(counts.sum(), 1))
        return cls(tuple(values), tuple(ranks))

    def nearest(self, rows: Rows, others: Rows, count: int = 1) -> NDArray[np.float32]:
        """Return the distances from each row to its nearest among the others, shape (rows, count), ascending.

        Infinite where there are fewer others. Takes time rows x others, memory for a block of both.
        """
        near = np.full((len(rows), count), np.inf, np.float32)
        (left, codes), (right, other_codes) = self._parts(rows), self._parts(others)
        for row in range(0, len(rows), _BLOCK[0]):
            here = slice(row, row + _BLOCK[0])
            for other in range(0, len(others), _BLOCK[1]):
                there = slice(other, other + _BLOCK[1])
                block = _block(left[:, here], codes[:, here], right[:, there], other_codes[:, there])
                near[here] = _smallest(near[here], block)
        return near

    def _parts(self, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return ranks of shape (N, rows), `_ABSENT` where missing, and codes of shape (L, rows)."""
        ranks = np.empty(rows.numbers.T.shape, np.float32)
        for index, column in enumerate(rows.numbers.T):
            known = self.values[index]
            ranked = np.interp(column, known, self.ranks[index]) if len(known) else np.zeros(len(column))
            ranks[index] = np.where(np.isnan(column), _ABSENT, ranked)
        small = np.uint8 if rows.codes.max(initial=0) < 1 << 8 else np.int32
        return ranks, np.ascontiguousarray(rows.codes.T.astype(small))


def _block(
    left: NDArray[np.float32], codes: NDArray[np.int32], right: NDArray[np.float32], other: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Return the distances of all pairs, shape (rows, others)."""
    shape = (left.shape[1], right.shape[1])
    differing = np.zeros(shape, np.uint16)
    unequal = np.empty(shape, np.bool_)
    for mine, theirs in zip(codes, other, strict=True):
        np.not_equal(mine[:, None], theirs, out=unequal)
        np.add(differing, unequal, out=differing)
    total, gap = differing.astype(np.float32), np.empty(shape, np.float32)
    for ours, theirs in zip(left, right, strict=True):
        np.subtract(ours[:, None], theirs, out=gap)
        np.abs(gap, out=gap)
        if (ours == _ABSENT).any() or (theirs == _ABSENT).any():
            np.minimum(gap, 1, out=gap)
        np.add(total, gap, out=total)
    return total


def _smallest(near: NDArray[np.float32], block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the smallest of both, ascending, as many as `near` has; `block` is used up."""
    found = []
    for _ in range(min(near.shape[1], block.shape[1])):
        found.append(block.min(axis=1, keepdims=True))
        np.put_along_axis(block, block.argmin(axis=1, keepdims=True), np.inf, axis=1)
    return np.sort(np.concatenate([near, *found], axis=1), axis=1)[:, : near.shape[1]]
