"""Keyed permutations of whole numbers: different in, different out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.uint64]

__all__ = ["mix", "permute"]

_ROUNDS = 4


def mix(numbers: Numbers | np.uint64) -> Numbers:
    """Return well mixed bits, at least one-dimensional: splitmix64 (Steele, Lea, Flood 2014)."""
    mixed = np.atleast_1d(numbers) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def permute(numbers: Numbers, capacity: int, key: np.uint64) -> Numbers:
    """Permute [0, capacity): a Feistel network, walked until inside (Black, Rogaway 2002).

    Args:
        numbers: Below `capacity`, shape (rows,).
        capacity: At most 2**62.
        key: Which permutation.
    """
    half = np.uint64(max((capacity - 1).bit_length() + 1, 2) // 2)
    out = _feistel(numbers, half, key)
    outside = np.flatnonzero(out >= np.uint64(capacity))
    while len(outside):
        out[outside] = _feistel(out[outside], half, key)
        outside = outside[out[outside] >= np.uint64(capacity)]
    return out


def _feistel(numbers: Numbers, half: np.uint64, key: np.uint64) -> Numbers:
    """Permute [0, 2**(2 * half))."""
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = numbers >> half, numbers & mask
    for turn in range(_ROUNDS):
        round_key = mix(key ^ np.uint64(turn))
        left, right = right, left ^ (mix(right ^ round_key) & mask)
    return (left << half) | right
