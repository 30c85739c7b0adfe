"""What a request asks of the records that are made for it, compiled for a sampler."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from augment.data.restrictions import compile_restrictions
from augment.data.shares import class_of_row, compile_balance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from augment.data import Codec
    from augment.data.balance import Balance
    from augment.data.conditions import Condition
    from augment.data.restrictions import Restriction
    from augment.data.shares import Shares

__all__ = ["Pin", "Wish", "compile_wish"]


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
    """

    steps: int
    pins: Mapping[int, Pin] = field(default_factory=dict)
    restrictions: Mapping[int, Restriction] = field(default_factory=dict)
    shares: Shares | None = None
    classes: tuple[Pin, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked of any cell."""
        return not (self.pins or self.restrictions or self.shares)

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


def compile_wish(
    codec: Codec, conditions: Iterable[Condition | str], balance: Balance | None, steps: int | None
) -> Wish:
    """Return the wish of a request.

    Raises:
        RequestError: A condition is impossible, or the balance is none.
    """
    asked = tuple(conditions)
    shares = None if balance is None else compile_balance(codec, balance, asked)
    compiled = compile_restrictions(codec, asked)
    if shares is not None:
        compiled.pop(shares.column, None)
    wide = codec.layout.wide
    pins = {column: _pin(restriction, wide[column]) for column, restriction in compiled.items()}
    classes = [_first(restriction) for restriction in shares.restrictions] if shares is not None else []
    return Wish(
        steps=len(codec.layout.names) if steps is None else steps,
        pins={column: pin for column, pin in pins.items() if pin is not None},
        restrictions={column: one for column, one in compiled.items() if pins[column] is None},
        shares=shares,
        classes=tuple(classes),
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
