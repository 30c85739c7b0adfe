"""Conditions compiled for a sampler: which tokens it may draw, and which residuals inside each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from augment.data.category import BooleanCodec, CategoryCodec
from augment.data.condition_text import parse_conditions
from augment.data.impossible import conflict, impossible, not_conditional, unknown_column
from augment.data.numeric import RealCodec, WholeCodec
from augment.data.residuals import residual_intervals
from augment.data.schema import IdentifierColumn, TextColumn
from augment.data.wanted import Wanted, wanted_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from augment.data.arrays import ArrayCodec
    from augment.data.codec import Codec
    from augment.data.column_codec import ColumnCodec
    from augment.data.conditions import Condition
    from augment.data.residuals import Intervals

__all__ = ["Restriction", "compile_restrictions", "wanted_columns"]

_WHOLE: Intervals = ((0.0, 1.0),)
_POINT = np.float32(2.0**-24)


@dataclass(frozen=True)
class Restriction:
    """What a token column may hold.

    Attributes:
        intervals: For each token, the closed intervals of residuals that are admitted, in increasing
            order, as numbers that float32 has: each float32 in them decodes to an admitted cell. None
            for a forbidden token, `((0, 1),)` for one that is admitted as a whole.
    """

    intervals: tuple[Intervals, ...]

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """The admitted share of each token's cells by rank, in [0, 1], shape (vocab,); 0: forbidden.

        A single residual of many counts as 2^-24.
        """
        shares = [sum(high - low for low, high in parts) for parts in self.intervals]
        return np.array(
            [
                max(np.float32(share), _POINT) if parts else 0
                for share, parts in zip(shares, self.intervals, strict=True)
            ],
            np.float32,
        )

    @property
    def possible(self) -> bool:
        """Whether any token is admitted."""
        return any(self.intervals)

    def squeeze(self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return residuals drawn from all of a bin, moved into what is admitted of it, in their order.

        Uniform residuals become uniform over the admitted intervals together. Those of tokens that are
        admitted as a whole stay as they are, and so do those of forbidden ones.

        Args:
            tokens: Shape (rows,).
            residuals: In [0, 1], shape (rows,).
        """
        return self._squeezed_where(tokens, residuals, lambda parts: parts != _WHOLE)

    def settle(self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return residuals of which those of tokens with one interval are drawn from it already.

        Those with several are squeezed into them.
        """
        return self._squeezed_where(tokens, residuals, lambda parts: len(parts) > 1)

    def _squeezed_where(
        self,
        tokens: NDArray[np.int32],
        residuals: NDArray[np.float32],
        applies: Callable[[Intervals], bool],
    ) -> NDArray[np.float32]:
        moved = residuals.astype(np.float32, copy=True)
        for token, parts in enumerate(self.intervals):
            if parts and applies(parts):
                rows = np.flatnonzero(tokens == token)
                moved[rows] = _squeezed(np.array(parts, np.float32), moved[rows])
        return moved


def compile_restrictions(codec: Codec, conditions: Iterable[Condition | str]) -> dict[int, Restriction]:
    """Return what conditions leave of each token column that one of them is about, by its index.

    Args:
        codec: The data set's encoding.
        conditions: All must hold; texts are read by `parse_condition`.

    Raises:
        RequestError: A condition is impossible, alone or with those before it; its field is
            `conditions[i]`.
    """
    return {
        index: _restriction(codec.column(index), wanted)
        for index, wanted in wanted_columns(codec, conditions).items()
    }


def wanted_columns(codec: Codec, conditions: Iterable[Condition | str]) -> dict[int, Wanted]:
    """Return what conditions leave of each token column that one of them is about.

    Raises:
        RequestError: As for `compile_restrictions`.
    """
    wanted: dict[int, Wanted] = {}
    before: dict[int, int] = {}
    names = [column.name for column in codec.schema.columns]
    for number, condition in enumerate(parse_conditions(conditions, names)):
        field = f"conditions[{number}]"
        index, one = _alone(codec, condition, field)
        both = wanted[index] & one if index in wanted else one
        if index in wanted and not _restriction(codec.column(index), both).possible:
            raise conflict(condition, field, before[index])
        wanted[index], before[index] = both, number
    return wanted


def _alone(codec: Codec, condition: Condition, field: str) -> tuple[int, Wanted]:
    """Return a condition's token column and what it admits, which is something."""
    column = codec.schema.column(condition.column)
    if column is None:
        raise unknown_column(condition.column, codec.schema, field)
    if isinstance(column, IdentifierColumn | TextColumn):
        raise not_conditional(column, condition, field)
    index = codec.layout.names.index(column.name)
    column_codec = codec.column(index)
    wanted = wanted_by(condition, column, column_codec.wire_type, field)
    if not _restriction(column_codec, wanted).possible:
        raise impossible(condition, column_codec, wanted, field)
    return index, wanted


def _restriction(codec: ColumnCodec | ArrayCodec, wanted: Wanted) -> Restriction:
    """Return the restriction of one column; no token that training never saw is admitted."""
    counts = codec.table.counts
    missing: Intervals = _WHOLE if wanted.missing else ()
    present = _present(codec, wanted) if wanted.present else ((),) * (len(counts) - 1)
    parts = zip(counts, (missing, *present), strict=True)
    return Restriction(tuple(intervals if count else () for count, intervals in parts))


def _present(codec: ColumnCodec | ArrayCodec, wanted: Wanted) -> tuple[Intervals, ...]:
    """Return the admitted intervals of each token but missing."""
    if wanted.values is None:
        return (_WHOLE,) * (len(codec.table.counts) - 1)
    match codec:
        case WholeCodec() | RealCodec():
            return residual_intervals(codec, wanted.values)  # type: ignore[arg-type]  # numbers have spans
        case CategoryCodec():
            return _levels(codec, wanted.admits(codec.levels))
        case BooleanCodec():
            return tuple(_WHOLE if flag else () for flag in wanted.admits(codec.levels))
    message = f"no values can be wanted of {type(codec)}"
    raise TypeError(message)


def _levels(codec: CategoryCodec, admitted: NDArray[np.bool_]) -> tuple[Intervals, ...]:
    own = codec.table.own_tokens
    tokens: tuple[Intervals, ...] = tuple(_WHOLE if flag else () for flag in admitted[:own])
    return (*tokens, _rare(codec, admitted[own:])) if codec.table.rare_counts else tokens


def _rare(codec: CategoryCodec, admitted: NDArray[np.bool_]) -> Intervals:
    """Return the residuals of the admitted rare levels: one interval for neighbours."""
    first, last = codec.rare_ends()
    edges = np.diff(admitted.astype(np.int8), prepend=0, append=0)
    runs = zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1, strict=True)
    ends = [(float(first[begin]), float(last[end])) for begin, end in runs]
    return tuple((low, high) for low, high in ends if low <= high)


def _squeezed(parts: NDArray[np.float32], residuals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return residuals in [0, 1] spread over closed intervals, shape (intervals, 2), by their lengths."""
    lows, highs = parts.astype(np.float64).T
    lengths = highs - lows if (highs > lows).any() else np.ones(len(lows))
    ends = np.cumsum(lengths)
    place = residuals.astype(np.float64) * ends[-1]
    index = np.minimum(np.searchsorted(ends, place, "right"), np.flatnonzero(lengths)[-1])
    inside = (lows[index] + (place - ends[index] + lengths[index])).astype(np.float32)
    clipped: NDArray[np.float32] = np.clip(inside, parts[index, 0], parts[index, 1])
    return clipped
