"""Which residuals of a number's tokens decode to wanted values: bisection over float32, on the codec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from augment.data.spans import ordinals_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from augment.data.numeric import RealCodec, WholeCodec
    from augment.data.spans import Spans

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]

__all__ = ["Intervals", "first_where", "residual_intervals", "token_ends"]

Intervals = tuple[tuple[float, float], ...]
_ONE = int(np.float32(1).view(np.uint32))
_STEPS = _ONE.bit_length()


def token_ends(codec: WholeCodec | RealCodec) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the smallest and largest ordinal of each token but missing, both of shape (vocab - 1,)."""
    tokens = np.arange(1, len(codec.table.counts), dtype=np.int32)
    low, high = (
        ordinals_of(codec.decode(tokens, np.full(len(tokens), residual, np.float32))) for residual in (0, 1)
    )
    return low, high


def residual_intervals(codec: WholeCodec | RealCodec, spans: Spans) -> tuple[Intervals, ...]:
    """Return for each token but missing the closed intervals of residuals that decode into the spans.

    Each float32 in them does; only next to a span's end may one be left out that would.
    """
    if not codec.table.widths:
        return ()
    lows, highs = token_ends(codec)
    starts, ends = spans.arrays(lows.dtype)
    token, span = np.nonzero((lows[:, None] <= ends) & (highs[:, None] >= starts))
    found = _Pairs(codec, (token + 1).astype(np.int32), starts[span], ends[span])
    first = np.where(lows[token] >= starts[span], np.float32(0), found.first())
    last = np.where(highs[token] <= ends[span], np.float32(1), found.last())
    point = found.point()
    decoded = found.inside(point)
    intervals: list[list[tuple[float, float]]] = [[] for _ in lows]
    for index, which in enumerate(token):
        if first[index] <= last[index]:
            intervals[which].append((float(first[index]), float(last[index])))
        elif decoded[index]:
            intervals[which].append((float(point[index]), float(point[index])))
    return tuple(tuple(parts) for parts in intervals)


class _Pairs:
    """Tokens and the spans that they overlap, each of shape (pairs,)."""

    def __init__(
        self,
        codec: WholeCodec | RealCodec,
        tokens: NDArray[np.int32],
        starts: NDArray[Any],
        ends: NDArray[Any],
    ) -> None:
        self._codec, self._tokens, self._starts, self._ends = codec, tokens, starts, ends

    def first(self) -> Floats:
        """Return the first residual from which on all decode to the span's start or more."""
        return first_where(lambda residuals: self._reach(residuals)[0] >= self._starts, len(self._tokens))

    def last(self) -> Floats:
        """Return the last residual up to which all decode to the span's end or less."""
        beyond = first_where(lambda residuals: self._reach(residuals)[1] > self._ends, len(self._tokens))
        return np.nextafter(beyond, np.float32(-1))

    def point(self) -> Floats:
        """Return a residual that may decode into the span: the first that decodes to its start."""
        return np.minimum(
            first_where(lambda residuals: self._decoded(residuals) >= self._starts, len(self._tokens)),
            np.float32(1),
        )

    def inside(self, residuals: Floats) -> Flags:
        """Return which residuals decode into their span."""
        ordinals = self._decoded(residuals)
        inside: Flags = (ordinals >= self._starts) & (ordinals <= self._ends)
        return inside

    def _reach(self, residuals: Floats) -> tuple[NDArray[Any], NDArray[Any]]:
        return self._codec.reach(self._tokens, residuals)

    def _decoded(self, residuals: Floats) -> NDArray[Any]:
        return ordinals_of(self._codec.decode(self._tokens, residuals))


def first_where(holds: Callable[[Floats], Flags], count: int) -> Floats:
    """Return the first residual in [0, 1] for which something holds that then holds for all larger ones.

    float32 from 0 on are in the order of their bits, so 30 halvings find it. The next float above 1
    where it never holds.

    Args:
        holds: Tells for residuals of shape (count,).
        count: How many are looked for at once.
    """
    low, high = np.zeros(count, np.uint32), np.full(count, _ONE + 1, np.uint32)
    for _ in range(_STEPS + 1):
        middle = (low + high) // np.uint32(2)
        found = holds(np.minimum(middle, np.uint32(_ONE)).view(np.float32)) & (middle <= _ONE)
        active = low < high
        high = np.where(active & found, middle, high)
        low = np.where(active & ~found, middle + np.uint32(1), low)
    return high.view(np.float32)
