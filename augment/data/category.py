"""Columns of categories and of booleans."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from augment.data.column_codec import EncodedColumn, Scale, missing_cells, unseen_values
from augment.data.novelty import never_seen
from augment.data.tables import BooleanTable, CategoryTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MAX_LEVELS", "BooleanCodec", "CategoryCodec", "fit_boolean", "fit_category", "level_type"]

MAX_LEVELS = 5000


def level_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a category column's levels, without any dictionary."""
    return kind.value_type if pt.is_dictionary(kind) else kind


def fit_category(name: str, column: pa.Array, *, max_levels: int = MAX_LEVELS) -> CategoryTable:
    """Return the table of a category column: most frequent level first, ties in the levels' order.

    Args:
        name: The column's name.
        column: Its cells.
        max_levels: Levels that get a token each; all further ones share one.
    """
    levels, counts = _levels(column)
    split = min(len(levels), max_levels)
    rare = counts[split:]
    tail = (sum(rare),) if rare else ()
    return CategoryTable(
        column=name,
        counts=(column.null_count, *counts[:split], *tail),
        levels=levels,
        rare_counts=rare,
        dictionary=_dictionary(column, levels),
    )


def _levels(column: pa.Array) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Return the levels, most frequent first, and how many rows have each."""
    if pt.is_null(column.type):
        return (), ()
    found = pc.value_counts(column.cast(level_type(column.type)).drop_null())
    pairs = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    ranked = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
    return tuple(level for level, _ in ranked), tuple(count for _, count in ranked)


def _dictionary(column: pa.Array, levels: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the column's own dictionary where it differs from its levels."""
    if not pt.is_dictionary(column.type):
        return ()
    own = tuple(column.dictionary.unique().drop_null().to_pylist())
    return own if own != levels else ()


class CategoryCodec:
    """Levels as tokens; of those that share the rare token, the residual tells which.

    Attributes:
        table: The column's table.
        wire_type: `dictionary<int32, ...>`; null for columns of no type.
    """

    def __init__(self, table: CategoryTable, storage: pa.DataType) -> None:
        self.table = table
        self._levels = pa.array(table.levels, level_type(storage))
        ordered = pt.is_dictionary(storage) and storage.ordered
        dictionary = pa.dictionary(pa.int32(), self._levels.type, ordered=ordered)
        self.wire_type = storage if pt.is_null(storage) else dictionary
        self._dictionary = pa.array(table.dictionary, self._levels.type) if table.dictionary else self._levels
        self._places = np.asarray(pc.index_in(self._levels, value_set=self._dictionary))
        shares = np.cumsum((0, *table.rare_counts), dtype=np.float64)
        self._rare_ends = shares / max(shares[-1], 1)

    @cached_property
    def scale(self) -> Scale:
        """No order."""
        return Scale.none(len(self.table.counts))

    def encode(self, column: pa.Array) -> EncodedColumn:
        """Encode cells; unseen levels count as missing and are reported, most frequent first."""
        plain = column.cast(self._levels.type)
        index = self._index(plain)
        unseen = ~missing_cells(column) & (index < 0)
        tokens = np.minimum(index + 1, len(self.table.counts) - 1).astype(np.int32)
        residuals = np.full(len(tokens), 0.5, np.float32)
        rare = index - self.table.own_tokens
        where = rare >= 0
        residuals[where] = ((self._rare_ends[rare[where]] + self._rare_ends[rare[where] + 1]) / 2).astype(
            np.float32
        )
        return EncodedColumn(tokens, residuals, unseen_values(self.table.column, plain, unseen))

    def novelty(self, column: pa.Array) -> NDArray[np.float64]:
        """Return that of levels never seen: ln(rows + 1); 0 of all others and of missing cells."""
        unseen = ~missing_cells(column) & (self._index(column.cast(self._levels.type)) < 0)
        return np.where(unseen, never_seen(sum(self.table.counts)), 0.0)

    def _index(self, plain: pa.Array) -> NDArray[np.int32]:
        """Return the place of each level in the table; -1 where it has none, or is missing."""
        if not len(self._levels):
            return np.full(len(plain), -1, np.int32)
        return np.asarray(pc.index_in(plain, value_set=self._levels).fill_null(-1))

    def decode(self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]) -> pa.Array:
        """Decode to dictionary codes; the levels themselves are shared, not copied."""
        missing = tokens == 0
        if not len(self._levels):
            return pa.nulls(len(tokens), self.wire_type)
        level = np.maximum(tokens - 1, 0)
        if self.table.rare_counts:
            level = np.where(tokens == len(self.table.counts) - 1, self._rare(residuals), level)
        codes = self._places[level] if self.table.dictionary else level.astype(np.int32)
        indices = pa.array(codes, pa.int32(), mask=missing if missing.any() else None)
        return pa.DictionaryArray.from_arrays(
            indices, self._dictionary, ordered=self.wire_type.ordered, safe=False
        )

    @property
    def levels(self) -> pa.Array:
        """The levels in the order of their tokens, the rare ones last."""
        return self._levels

    def rare_ends(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the first and last residual of each rare level, shape (rare levels,).

        The first is above the last where a level is too rare to have any.
        """
        ends = self._rare_ends
        nearest = ends.astype(np.float32)
        first = np.where(nearest < ends, np.nextafter(nearest, np.float32(2)), nearest)
        last = np.nextafter(first[1:], np.float32(-1))
        last[-1:] = 1
        return first[:-1], last

    def _rare(self, residuals: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the rare level whose share of the unit interval the residual falls into."""
        place = np.searchsorted(self._rare_ends, residuals.astype(np.float64), "right") - 1
        return self.table.own_tokens + np.clip(place, 0, len(self.table.rare_counts) - 1)


def fit_boolean(name: str, column: pa.Array) -> BooleanTable:
    """Return the table of a boolean column."""
    true = pc.sum(column).as_py() or 0
    return BooleanTable(column=name, counts=(column.null_count, len(column) - column.null_count - true, true))


class BooleanCodec:
    """Tokens: missing, false, true."""

    def __init__(self, table: BooleanTable) -> None:
        self.table = table
        self.wire_type = pa.bool_()
        self.scale = Scale.none(3)

    levels = pa.array([False, True])
    """What the tokens after "missing" stand for."""

    def encode(self, column: pa.Array) -> EncodedColumn:
        """Encode booleans."""
        tokens = np.asarray(column.cast(pa.int8()).fill_null(-1)).astype(np.int32) + 1
        return EncodedColumn(tokens, np.full(len(tokens), 0.5, np.float32))

    def novelty(self, column: pa.Array) -> NDArray[np.float64]:
        """Return that of a boolean which no training row had: ln(rows + 1)."""
        nats = [never_seen(sum(self.table.counts)) * (count == 0) for count in self.table.counts]
        return np.array([0.0, *nats[1:]])[self.encode(column).tokens]

    def decode(self, tokens: NDArray[np.int32], residuals: NDArray[np.float32]) -> pa.Array:
        """Decode to booleans."""
        del residuals
        missing = tokens == 0
        return pa.array(tokens == 2, pa.bool_(), mask=missing if missing.any() else None)  # noqa: PLR2004
