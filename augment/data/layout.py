"""What models see of a data set: integer tokens, positions inside bins, and flat arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ArrayGrid", "Encoded", "Layout", "Unseen"]


@dataclass(frozen=True)
class ArrayGrid:
    """Which values the elements of an array column have, in the units of encoded arrays.

    Attributes:
        low: The smallest.
        high: The largest.
        step: They are `low` plus a multiple of it; 0: any between.
        spikes: Whether many elements are `low` itself, and whether many are `high` itself: the background
            of an image is exactly black. Of a grid both always count as such.
    """

    low: float
    high: float
    step: float = 0.0
    spikes: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Layout:
    """The shape of encoded records. Token 0 of every column is "missing".

    Attributes:
        names: The token columns, C of them: modelled table columns in file order, then one
            presence column (tokens: 0 missing, 1 present) for each array column.
        vocab_sizes: Tokens of each column, "missing" included.
        ordered: Tokens 1, 2, ... of the column stand for increasing values.
        nullable: False: token 0 must never be drawn or chosen.
        ranks: For each token column, float32 of shape (vocab, 2): where each token's values begin
            and end in the training data's cumulative distribution, in [0, 1]. A value's rank is
            `low + residual * (high - low)`. Zeros for unordered columns and for token 0.
        values: For each token column, float32 of shape (vocab,): the standardised value (zero mean
            and unit variance over present training cells, clipped to [-8, 8]) at the token's middle.
            Zeros for unordered columns and for token 0.
        frequencies: For each token column, float32 of shape (vocab,): share of training rows.
        wide: For each token column, booleans of shape (vocab,): the token is a bin of several ordered
            values, which its residual tells apart.
        array_names: The array columns, in file order.
        array_shapes: Their shapes.
        knots: For each token column, float32 of shape (K,): standardised values, not clipped, at the ends of
            each token's stretches, token after token. None for unordered columns. Empty: values inside
            bins are not known.
        stretches: For each token column, int64 of shape (vocab,): how many evenly spaced pieces, linear in
            the residual, a token's values are: 0 for a single value, and for token 0, which has no knots.
        array_grids: The values of their elements; none where nothing is known of them.
    """

    names: tuple[str, ...]
    vocab_sizes: tuple[int, ...]
    ordered: tuple[bool, ...]
    nullable: tuple[bool, ...]
    ranks: tuple[NDArray[np.float32], ...]
    values: tuple[NDArray[np.float32], ...]
    frequencies: tuple[NDArray[np.float32], ...]
    wide: tuple[NDArray[np.bool_], ...]
    array_names: tuple[str, ...]
    array_shapes: tuple[tuple[int, ...], ...]
    knots: tuple[NDArray[np.float32], ...] = ()
    stretches: tuple[NDArray[np.int64], ...] = ()
    array_grids: tuple[ArrayGrid, ...] = ()

    @property
    def array_width(self) -> int:
        """D: elements of all arrays of one record together."""
        total = 0
        for shape in self.array_shapes:
            size = 1
            for side in shape:
                size *= side
            total += size
        return total

    def without_arrays(self) -> Layout:
        """Return the layout of the same records' tokens alone; presence columns stay."""
        return replace(self, array_names=(), array_shapes=(), array_grids=())


@dataclass(frozen=True)
class Encoded:
    """Encoded records.

    Attributes:
        tokens: int32, shape (rows, C).
        residuals: float32 in [0, 1], shape (rows, C): where inside its bin (by rank) a value lies;
            0.5 where the token is a single value or missing.
        arrays: float32, shape (rows, D): all arrays flattened side by side, each array column scaled
            to zero mean and unit variance over the training data; zeros where missing.
    """

    tokens: NDArray[np.int32]
    residuals: NDArray[np.float32]
    arrays: NDArray[np.float32]


@dataclass(frozen=True)
class Unseen:
    """A category that was not in the training data, read as missing.

    Attributes:
        column: Its column.
        value: As text.
        cells: How many cells hold it.
        first_row: The first row that holds it, from 0.
    """

    column: str
    value: str
    cells: int
    first_row: int
