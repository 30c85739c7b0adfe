r"""Names for made-up records: unique, in the pattern of the real ones, and never one of them by design.

A pattern has one class a position: `A` upper-case letter, `a` lower-case letter, `0` digit, `x` and `X`
hexadecimal digit, `*` letter or digit. A backslash makes the next character stand for itself, as all
other characters do: `\A-0000` is an A, a hyphen and four digits.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data.schema import IdentifierColumn

__all__ = ["CLASSES", "Pattern", "escape", "make_identifiers", "parse_pattern"]

CLASSES = {
    "0": string.digits,
    "a": string.ascii_lowercase,
    "A": string.ascii_uppercase,
    "x": string.digits + "abcdef",
    "X": string.digits + "ABCDEF",
    "*": string.digits + string.ascii_lowercase + string.ascii_uppercase,
}
_CORE_LIMIT = 2**62
_ROUNDS = 4


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern.

    Attributes:
        alphabets: For each position, the characters it can have; one where it is fixed.
    """

    alphabets: tuple[str, ...]

    @property
    def capacity(self) -> int:
        """How many texts have the pattern."""
        return math.prod(len(alphabet) for alphabet in self.alphabets)

    @property
    def counts_up(self) -> bool:
        """Whether its free positions are digits, all in one run: such names can be counted up."""
        free = [index for index, alphabet in enumerate(self.alphabets) if len(alphabet) > 1]
        digits = all(self.alphabets[index] == string.digits for index in free)
        return bool(free) and digits and free[-1] - free[0] + 1 == len(free)


def escape(text: str) -> str:
    """Return text as a pattern that stands for itself alone."""
    return "".join(f"\\{char}" if char in CLASSES or char == "\\" else char for char in text)


def parse_pattern(pattern: str) -> Pattern:
    r"""Parse a pattern.

    >>> parse_pattern(r"\A-0").alphabets
    ('A', '-', '0123456789')
    """
    position = iter(pattern)
    return Pattern(
        tuple(next(position, "\\") if char == "\\" else CLASSES.get(char, char) for char in position)
    )


def make_identifiers(
    column: IdentifierColumn, storage: pa.DataType, rows: NDArray[np.uint64], seed: int
) -> pa.Array:
    """Return identifiers for rows of a seed; different rows never have the same one.

    Integers and numbered patterns count up from `start`; other patterns are filled by a keyed
    permutation, and past a pattern's capacity a count is appended.

    Args:
        column: The identifier column.
        storage: An integer or string type.
        rows: Row numbers of the seed's endless table, shape (rows,).
        seed: Any whole number.
    """
    if pt.is_integer(storage):
        return pa.array(rows + np.uint64(column.start), pa.uint64()).cast(storage)
    pattern = parse_pattern(column.pattern or "****-****-****")
    if column.start and pattern.counts_up:
        return _numbered(pattern, rows + np.uint64(column.start)).cast(storage)
    return _permuted(pattern, rows, seed).cast(storage)


def _numbered(pattern: Pattern, numbers: NDArray[np.uint64]) -> pa.Array:
    free = [index for index, alphabet in enumerate(pattern.alphabets) if len(alphabet) > 1]
    head, tail = "".join(pattern.alphabets[: free[0]]), "".join(pattern.alphabets[free[-1] + 1 :])
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), len(free), padding="0")
    return pc.binary_join_element_wise(head, digits, tail, "")


def _permuted(pattern: Pattern, rows: NDArray[np.uint64], seed: int) -> pa.Array:
    core, filler = _split(pattern)
    capacity = math.prod(len(pattern.alphabets[index]) for index in core)
    key = np.uint64(seed % 2**64)
    shuffled = _permute(rows % np.uint64(capacity), capacity, key)
    letters = np.empty((len(rows), len(pattern.alphabets)), np.dtype("U1"))
    _fill(letters, pattern, core, shuffled)
    _fill(letters, pattern, filler, _mix(rows ^ _mix(key)) % np.uint64(_CORE_LIMIT))
    for index, alphabet in enumerate(pattern.alphabets):
        if len(alphabet) == 1:
            letters[:, index] = alphabet
    texts = letters.view(f"U{len(pattern.alphabets)}")[:, 0] if letters.size else np.array([], "U1")
    return _append_turns(pa.array(texts.tolist(), pa.string()), rows // np.uint64(capacity))


def _split(pattern: Pattern) -> tuple[list[int], list[int]]:
    """Return the free positions that make a text unique, and those that only fill it.

    The first make up numbers below 2**62; the last positions are taken first.
    """
    core: list[int] = []
    capacity = 1
    free = [index for index, alphabet in enumerate(pattern.alphabets) if len(alphabet) > 1]
    for index in reversed(free):
        if capacity * len(pattern.alphabets[index]) > _CORE_LIMIT:
            break
        capacity *= len(pattern.alphabets[index])
        core.append(index)
    return core, [index for index in free if index not in core]


def _fill(
    letters: NDArray[np.str_], pattern: Pattern, positions: list[int], numbers: NDArray[np.uint64]
) -> None:
    """Write numbers in mixed radix into the positions."""
    for index in positions:
        alphabet = np.array(list(pattern.alphabets[index]))
        letters[:, index] = alphabet[(numbers % np.uint64(len(alphabet))).astype(np.int64)]
        numbers = numbers // np.uint64(len(alphabet))


def _append_turns(texts: pa.Array, turns: NDArray[np.uint64]) -> pa.Array:
    if not turns.any():
        return texts
    counted = pc.binary_join_element_wise(texts, pa.array(turns).cast(pa.string()), "-")
    return pc.if_else(pa.array(turns > 0), counted, texts)


def _mix(numbers: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    """Return well mixed bits: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    mixed = np.atleast_1d(numbers) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _permute(numbers: NDArray[np.uint64], capacity: int, key: np.uint64) -> NDArray[np.uint64]:
    """Permute [0, capacity): a Feistel network, walked until the number is inside (Black, Rogaway 2002)."""
    half = np.uint64(max((capacity - 1).bit_length() + 1, 2) // 2)
    out = _feistel(numbers, half, key)
    outside = np.flatnonzero(out >= np.uint64(capacity))
    while len(outside):
        out[outside] = _feistel(out[outside], half, key)
        outside = outside[out[outside] >= np.uint64(capacity)]
    return out


def _feistel(numbers: NDArray[np.uint64], half: np.uint64, key: np.uint64) -> NDArray[np.uint64]:
    """Permute [0, 2**(2 * half))."""
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = numbers >> half, numbers & mask
    for turn in range(_ROUNDS):
        round_key = _mix(key ^ np.uint64(turn))
        left, right = right, left ^ (_mix(right ^ round_key) & mask)
    return (left << half) | right
