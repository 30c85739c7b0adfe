"""What a request asks of the records that are made for it, compiled for a sampler."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from augment.data.shares import class_of_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from augment.data import Layout, Restriction, Shares
    from augment.runtime.asked import Asked
    from augment.runtime.bounds import Bounds

__all__ = ["Pin", "Wish", "wish_of"]


class Pin(NamedTuple):
    """The one token that a column may hold, and the interval of its residuals."""

    token: int
    low: float
    high: float


@dataclass(frozen=True)
class Wish:
    """What is asked of the records of one request.

    Attributes:
        steps: How many times the hidden layers are asked; at most the number of columns. With fewer,
            several columns are drawn at once, as if they did not depend on each other.
        pins: Columns whose cells are known before anything is drawn.
        restrictions: What other columns may hold.
        shares: The column whose cells are known row by row.
        classes: For each of its classes, the token and its residuals.
        bounds: What columns may hold row by row, of one block.
        present: No cell that is made may come out missing, but in columns that always are.
    """

    steps: int
    pins: Mapping[int, Pin] = field(default_factory=dict)
    restrictions: Mapping[int, Restriction] = field(default_factory=dict)
    shares: Shares | None = None
    classes: tuple[Pin, ...] = ()
    bounds: Mapping[int, Bounds] = field(default_factory=dict)
    present: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked of any cell."""
        return not (self.pins or self.restrictions or self.shares)

    @property
    def asked(self) -> frozenset[int]:
        """The columns of whose cells something is asked."""
        shared = () if self.shares is None else (self.shares.column,)
        return frozenset((*self.pins, *self.restrictions, *shared))

    def known(
        self, rows: NDArray[np.int64], seed: int, residual_u: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """Return tokens, residuals and flags (N, C) of the cells that are known before anything is drawn.

        Args:
            rows: The rows' addresses, (N,).
            seed: Of the request.
            residual_u: Uniform numbers (N, C), that place a value inside its interval.
        """
        tokens = np.zeros(residual_u.shape, np.int32)
        residuals = np.full(residual_u.shape, 0.5, np.float32)
        given = np.zeros(residual_u.shape, np.float32)
        columns: dict[int, NDArray[np.float64]] = {
            column: np.broadcast_to(np.array(pin, np.float64), (len(rows), 3))
            for column, pin in self.pins.items()
        }
        if self.shares is not None:
            choice = class_of_row(self.shares, rows, seed)
            columns[self.shares.column] = np.array(self.classes, np.float64)[choice]
        for column, pin in columns.items():
            low, high = pin[:, 1], pin[:, 2]
            tokens[:, column] = pin[:, 0]
            placed = (low + residual_u[:, column] * (high - low)).astype(np.float32)
            residuals[:, column] = np.clip(placed, low.astype(np.float32), high.astype(np.float32))
            given[:, column] = 1
        return tokens, residuals, given


def wish_of(layout: Layout, asked: Asked) -> Wish:
    """Return what is asked for, told apart by what is known before anything is drawn."""
    shares, left = asked.shares, dict(asked.restrictions)
    if shares is not None:
        left.pop(shares.column, None)
    pins = {column: _pin(restriction, layout.wide[column]) for column, restriction in left.items()}
    return Wish(
        steps=len(layout.names) if asked.steps is None else asked.steps,
        pins={column: pin for column, pin in pins.items() if pin is not None},
        restrictions={column: one for column, one in left.items() if pins[column] is None},
        shares=shares,
        classes=tuple(map(_first, shares.restrictions)) if shares is not None else (),
    )


def _pin(restriction: Restriction, wide: NDArray[np.bool_]) -> Pin | None:
    """Return the only token and interval that are admitted; None where something is left to draw."""
    tokens = [token for token, parts in enumerate(restriction.intervals) if parts]
    if len(tokens) > 1 or len(restriction.intervals[tokens[0]]) > 1:
        return None
    pin = _first(restriction)
    whole = pin.low <= 0 and pin.high >= 1
    return None if whole and wide[pin.token] else pin


def _first(restriction: Restriction) -> Pin:
    """Return the first token that is admitted, with its first interval."""
    token = next(token for token, parts in enumerate(restriction.intervals) if parts)
    low, high = restriction.intervals[token][0]
    return Pin(token, low, high)
