"""The pattern that identifiers have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.data.identifiers import CLASSES, escape

__all__ = ["FoundPattern", "find_pattern"]

_NUMBERED = re.compile(r"^(\D*)([0-9]{1,18})(\D*)$", re.DOTALL)
_DENSE = 10


@dataclass(frozen=True)
class FoundPattern:
    """A pattern, and the first number not seen where its digits count up (else 0)."""

    pattern: str
    start: int = 0


def find_pattern(texts: pa.Array, *, forced: bool, rows: int | None = None) -> FoundPattern | None:
    """Return the pattern of distinct texts, or None where they have none.

    Texts of one prefix and suffix around a number that fills at least a tenth of its range count up,
    e.g. `user17`. Others must be of one length without white space.

    Args:
        texts: Distinct texts, none null.
        forced: Find one even for texts of several lengths: that of the most frequent length.
        rows: How many texts they are a sample of; None: they are all.
    """
    values = texts.to_pylist()
    if (numbered := _numbered(values, rows or len(values))) is not None:
        return numbered
    lengths = np.asarray(pc.utf8_length(texts))
    common = int(np.argmax(np.bincount(lengths)))
    chosen = [value for value in values if len(value) == common]
    if not forced and (len(chosen) < len(values) or any(char.isspace() for char in "".join(values))):
        return None
    return FoundPattern("".join(_position(chars) for chars in map(set, zip(*chosen, strict=True))))


def _numbered(values: list[str], rows: int) -> FoundPattern | None:
    matches = [_NUMBERED.match(value) for value in values]
    parts = [match.groups() for match in matches if match]
    if len(parts) < len(values) or len({(head, tail) for head, _, tail in parts}) > 1:
        return None
    numbers = [int(digits) for _, digits, _ in parts]
    widths = {len(digits) for _, digits, _ in parts}
    padded = len(widths) == 1
    if max(numbers) - min(numbers) > _DENSE * rows or not (padded or _unpadded(parts)):
        return None
    head, _, tail = parts[0]
    return FoundPattern(f"{escape(head)}{'0' * min(widths)}{escape(tail)}", max(numbers) + 1)


def _unpadded(parts: list[tuple[str, ...]]) -> bool:
    return not any(digits.startswith("0") and digits != "0" for _, digits, _ in parts)


def _position(chars: set[str]) -> str:
    """Return the first class that has the characters of one position."""
    if len(chars) == 1:
        return escape(next(iter(chars)))
    return next((name for name in CLASSES if chars <= set(CLASSES[name])), "*")
