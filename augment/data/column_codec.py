"""What the codec of one column does, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from augment.data.layout import Unseen
from augment.errors import shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data.tables import ColumnTable

__all__ = ["ColumnCodec", "EncodedColumn", "Scale", "missing_cells", "ranks_of", "unseen_values"]

_REPORTED_UNSEEN = 100


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
        wide: Booleans, shape (vocab,).
        knots: float32, shape (K,); none for unordered columns.
        stretches: int64, shape (vocab,).
    """

    ordered: bool
    ranks: NDArray[np.float32]
    values: NDArray[np.float32]
    wide: NDArray[np.bool_]
    knots: NDArray[np.float32]
    stretches: NDArray[np.int64]

    @classmethod
    def none(cls, vocab: int) -> Scale:
        """Return the scale of tokens without an order."""
        return cls(
            ordered=False,
            ranks=np.zeros((vocab, 2), np.float32),
            values=np.zeros(vocab, np.float32),
            wide=np.zeros(vocab, np.bool_),
            knots=np.zeros(0, np.float32),
            stretches=np.zeros(vocab, np.int64),
        )


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

    def novelty(self, column: pa.Array) -> NDArray[np.float64]:
        """Return how far cells lie outside what training rows had, in nats, shape (rows,)."""

    def decode(self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]) -> pa.Array:
        """Decode to cells of the wire type; token 0 gives null."""


def missing_cells(column: pa.Array) -> NDArray[np.bool_]:
    """Return which cells are null."""
    return np.asarray(column.is_null()) if column.null_count else np.zeros(len(column), np.bool_)


def unseen_values(name: str, column: pa.Array, unseen: NDArray[np.bool_]) -> tuple[Unseen, ...]:
    """Return what to report of the marked cells: each value once, the most frequent first."""
    if not unseen.any():
        return ()
    rows = np.flatnonzero(unseen)
    encoded = column.take(pa.array(rows)).dictionary_encode()
    codes = np.asarray(encoded.indices)
    _, first = np.unique(codes, return_index=True)
    counts = np.bincount(codes)
    values = encoded.dictionary[:_REPORTED_UNSEEN]
    if pt.is_temporal(values.type):
        values = values.cast(pa.string())
    found = [
        Unseen(name, _text(value), int(counts[code]), int(rows[first[code]]))
        for code, value in enumerate(values.to_pylist())
    ]
    return tuple(sorted(found, key=lambda item: (-item.cells, item.first_row)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else shorten(value)


def ranks_of(counts: tuple[int, ...]) -> NDArray[np.float32]:
    """Return where each token begins and ends in the cumulative distribution, shape (vocab, 2)."""
    present = np.array((0, *counts[1:]), np.float64)
    ends = np.cumsum(present) / max(present.sum(), 1)
    return np.stack([ends - present / max(present.sum(), 1), ends], axis=1).astype(np.float32)
