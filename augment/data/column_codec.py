"""What the codec of one column does, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data.layout import Unseen
    from augment.data.tables import ColumnTable

__all__ = ["ColumnCodec", "EncodedColumn", "Scale", "missing_cells", "ranks_of"]


@dataclass(frozen=True)
class EncodedColumn:
    """One encoded column: int32 tokens, float32 residuals, both of shape (rows,), and what was unseen."""

    tokens: NDArray[np.int32]
    residuals: NDArray[np.float32]
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True)
class Scale:
    """Where a column's tokens lie; see `Layout` for each array.

    Attributes:
        ordered: Tokens stand for increasing values.
        ranks: float32, shape (vocab, 2).
        values: float32, shape (vocab,).
    """

    ordered: bool
    ranks: NDArray[np.float32]
    values: NDArray[np.float32]

    @classmethod
    def none(cls, vocab: int) -> Scale:
        """Return the scale of tokens without an order."""
        return cls(ordered=False, ranks=np.zeros((vocab, 2), np.float32), values=np.zeros(vocab, np.float32))


class ColumnCodec(Protocol):
    """Cells of one column to tokens and residuals, and back."""

    @property
    def table(self) -> ColumnTable:
        """The table it was made from."""

    @property
    def wire_type(self) -> pa.DataType:
        """The Arrow type of what it decodes to."""

    @property
    def scale(self) -> Scale:
        """Where its tokens lie."""

    def encode(self, column: pa.Array) -> EncodedColumn:
        """Encode cells of the column's result type."""

    def decode(self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]) -> pa.Array:
        """Decode to cells of the wire type; token 0 gives null."""


def missing_cells(column: pa.Array) -> NDArray[np.bool_]:
    """Return which cells are null."""
    return np.asarray(column.is_null())


def ranks_of(counts: tuple[int, ...]) -> NDArray[np.float32]:
    """Return where each token begins and ends in the cumulative distribution, shape (vocab, 2)."""
    present = np.array((0, *counts[1:]), np.float64)
    ends = np.cumsum(present) / max(present.sum(), 1)
    return np.stack([ends - present / max(present.sum(), 1), ends], axis=1).astype(np.float32)
