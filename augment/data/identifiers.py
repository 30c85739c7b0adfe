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

from augment.data.permutation import mix, permute

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
    def free(self) -> list[int]:
        """The positions that can have several characters."""
        return [index for index, alphabet in enumerate(self.alphabets) if len(alphabet) > 1]

    @property
    def counts_up(self) -> bool:
        """Whether its free positions are digits, all in one run: such names can be counted up."""
        free = self.free
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
        column: The identifier column; text without a pattern gets 12 letters and digits.
        storage: An integer or string type.
        rows: Row numbers of the seed's endless table, shape (rows,).
        seed: Any whole number.
    """
    if pt.is_uint64(storage):
        return pa.array(rows + np.uint64(column.start))
    if pt.is_integer(storage):
        return pa.array(rows.astype(np.int64) + column.start).cast(storage)
    pattern = parse_pattern(column.pattern or "************")
    if column.start and pattern.counts_up:
        return _numbered(pattern, rows + np.uint64(column.start)).cast(storage)
    return _permuted(pattern, rows, seed).cast(storage)


def _numbered(pattern: Pattern, numbers: NDArray[np.uint64]) -> pa.Array:
    free = pattern.free
    head, tail = "".join(pattern.alphabets[: free[0]]), "".join(pattern.alphabets[free[-1] + 1 :])
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), len(free), padding="0")
    return pc.binary_join_element_wise(head, digits, tail, "")


def _permuted(pattern: Pattern, rows: NDArray[np.uint64], seed: int) -> pa.Array:
    core, filler = _split(pattern)
    capacity = math.prod(len(pattern.alphabets[index]) for index in core)
    key = np.uint64(seed % 2**64)
    shuffled = permute(rows % np.uint64(capacity), capacity, key)
    texts = _Texts.blank(pattern, len(rows))
    texts.fill(core, shuffled)
    texts.fill(filler, mix(rows ^ mix(key)))
    return _append_turns(texts.array(), rows // np.uint64(capacity))


def _split(pattern: Pattern) -> tuple[list[int], list[int]]:
    """Return the free positions that make a text unique, and those that only fill it.

    The first make up numbers below 2**62; the last positions are taken first.
    """
    core: list[int] = []
    capacity = 1
    for index in reversed(pattern.free):
        capacity *= len(pattern.alphabets[index])
        if capacity > _CORE_LIMIT:
            break
        core.append(index)
    return core, [index for index in pattern.free if index not in core]


@dataclass(frozen=True)
class _Texts:
    """Texts of one pattern as UTF-8 bytes side by side: uint8, shape (rows, bytes)."""

    pattern: Pattern
    letters: NDArray[np.uint8]

    @classmethod
    def blank(cls, pattern: Pattern, rows: int) -> _Texts:
        first = "".join(alphabet[0] for alphabet in pattern.alphabets).encode()
        return cls(pattern, np.tile(np.frombuffer(first, np.uint8), (rows, 1)))

    def fill(self, positions: list[int], numbers: NDArray[np.uint64]) -> None:
        """Write numbers in mixed radix into the positions."""
        for index in positions:
            alphabet = np.frombuffer(self.pattern.alphabets[index].encode(), np.uint8)
            place = len("".join(alphabet[0] for alphabet in self.pattern.alphabets[:index]).encode())
            self.letters[:, place] = alphabet[(numbers % np.uint64(len(alphabet))).astype(np.int64)]
            numbers = numbers // np.uint64(len(alphabet))

    def array(self) -> pa.Array:
        rows, width = self.letters.shape
        ends = pa.py_buffer(np.arange(rows + 1, dtype=np.int64) * width)
        return pa.Array.from_buffers(pa.large_string(), rows, [None, ends, pa.py_buffer(self.letters)])


def _append_turns(texts: pa.Array, turns: NDArray[np.uint64]) -> pa.Array:
    if not turns.any():
        return texts
    counts = pa.array(turns).cast(pa.large_string())
    counted = pc.binary_join_element_wise(texts, counts, pa.scalar("-", pa.large_string()))
    return pc.if_else(pa.array(turns > 0), counted, texts)
