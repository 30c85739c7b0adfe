"""Bytes that are nearly right: changed, cut, spliced, with lengths that lie."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

__all__ = ["NUMBERS", "mutated"]

NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    4096,
    65_535,
    65_536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    -1,
)
"""Where things break."""

_WIDTHS = ("<B", "<H", "<I", "<Q")
_MOST_EDITS = (1, 1, 2, 4, 8)
_LONGEST_CHUNK = 64


def mutated(data: bytes, chance: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """Return `data` after one to eight edits.

    Args:
        data: What it was.
        chance: Decides.
        others: What parts may be taken from.
    """
    changed = bytearray(data)
    for _ in range(chance.choice(_MOST_EDITS)):
        chance.choice(_EDITS)(changed, chance, others)
    return bytes(changed)


def _flip(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _put(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _length(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """Write a number that breaks things over one that may be a length or an offset."""
    kind = chance.choice(_WIDTHS)
    size = struct.calcsize(kind)
    if len(data) < size:
        return
    at = chance.randrange(len(data) - size + 1)
    at -= at % size if chance.random() < 0.8 else 0  # noqa: PLR2004 - Arrow's are aligned
    number = chance.choice(NUMBERS)
    if chance.random() < 0.5:  # noqa: PLR2004 - near what was there
        number = int.from_bytes(data[at : at + size], "little") + chance.choice((-8, -1, 1, 8))
    struct.pack_into(kind, data, at, number % 256**size)


def _cut(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _drop(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.randrange(1, _LONGEST_CHUNK)]


def _repeat(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = bytes(data[at : at + chance.randrange(1, _LONGEST_CHUNK)]) * chance.choice((1, 2, 16))


def _splice(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    if others and (other := chance.choice(others)):
        at, start = chance.randrange(len(data) + 1), chance.randrange(len(other))
        data[at:] = other[start:]


_EDITS: tuple[Callable[[bytearray, random.Random, Sequence[bytes]], None], ...] = (
    _flip,
    _flip,
    _put,
    _put,
    _length,
    _length,
    _length,
    _cut,
    _drop,
    _repeat,
    _splice,
)
