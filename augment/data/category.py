"""Columns of categories and of booleans."""

from __future__ import annotations

from dataclasses import dataclass
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

__all__ = [
    "MAX_LEVELS",
    "BooleanCodec",
    "CategoryCodec",
    "LevelCounts",
    "fit_boolean",
    "fit_category",
    "level_type",
]

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
    return LevelCounts.of(column).table(name, max_levels=max_levels)


@dataclass(frozen=True)
class LevelCounts:
    """What the table of a category column is made of.

    Attributes:
        levels: The values that are there, each once; None of a column without a type.
        counts: How many rows have each: int64, as many.
        missing: How many rows have none.
        dictionary: Of a column of dictionaries, its own, each value once; else None.
    """

    levels: pa.Array | None
    counts: pa.Array
    missing: int
    dictionary: pa.Array | None

    @classmethod
    def of(cls, column: pa.Array) -> LevelCounts:
        """Count the levels of some cells."""
        if pt.is_null(column.type):
            return cls(None, pa.array([], pa.int64()), column.null_count, None)
        found = pc.value_counts(column.cast(level_type(column.type)).drop_null())
        own = column.dictionary.unique().drop_null() if pt.is_dictionary(column.type) else None
        return cls(found.field("values"), found.field("counts"), column.null_count, own)

    def plus(self, other: LevelCounts) -> LevelCounts:
        """Return the counts of both columns' cells, one after the other."""
        if self.levels is None or other.levels is None:
            return self if other.levels is None else other
        both = [
            pa.concat_arrays([a, b]) for a, b in ((self.levels, other.levels), (self.counts, other.counts))
        ]
        summed = pa.table(both, ["levels", "counts"]).group_by("levels", use_threads=False)
        table = summed.aggregate([("counts", "sum")]).combine_chunks()
        own = self.dictionary
        if own is not None and other.dictionary is not None:
            own = pa.concat_arrays([own, other.dictionary]).unique()
        levels, counts = (table.column(name).chunk(0) for name in ("levels", "counts_sum"))
        return LevelCounts(levels, counts, self.missing + other.missing, own)

    def ranked(self) -> list[tuple[Any, int]]:
        """Return the levels with their counts, most frequent first, ties in the levels' order."""
        levels = [] if self.levels is None else self.levels.to_pylist()
        pairs = zip(levels, self.counts.to_pylist(), strict=True)
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))

    def table(self, name: str, *, max_levels: int = MAX_LEVELS) -> CategoryTable:
        """Return the table of a column of that name; see `fit_category`."""
        ranked = self.ranked()
        levels, counts = (tuple(pair[side] for pair in ranked) for side in (0, 1))
        split = min(len(levels), max_levels)
        rare = counts[split:]
        tail = (sum(rare),) if rare else ()
        own = () if self.dictionary is None else tuple(self.dictionary.to_pylist())
        return CategoryTable(
            column=name,
            counts=(self.missing, *counts[:split], *tail),
            levels=levels,
            rare_counts=rare,
            dictionary=own if own != levels else (),
        )


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
        index = self._index(column)
        tokens = np.minimum(index + 1, len(self.table.counts) - 1).astype(np.int32)
        residuals = np.full(len(tokens), 0.5, np.float32)
        if self.table.rare_counts:
            rare = index - self.table.own_tokens
            where = rare >= 0
            residuals[where] = ((self._rare_ends[rare[where]] + self._rare_ends[rare[where] + 1]) / 2).astype(
                np.float32
            )
        unseen = self._unseen(column, index)
        if not unseen.any():
            return EncodedColumn(tokens, residuals)
        plain = column.cast(self._levels.type)
        return EncodedColumn(tokens, residuals, unseen_values(self.table.column, plain, unseen))

    def novelty(self, column: pa.Array) -> NDArray[np.float64]:
        """Return that of levels never seen: ln(rows + 1); 0 of all others and of missing cells."""
        unseen = self._unseen(column, self._index(column))
        return np.where(unseen, never_seen(sum(self.table.counts)), 0.0)

    def _unseen(self, column: pa.Array, index: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which cells have a level that is not in the table."""
        unknown = index < 0
        return unknown & ~missing_cells(column) if unknown.any() else unknown

    def _index(self, column: pa.Array) -> NDArray[np.int32]:
        """Return the place of each cell's level in the table; -1 where it has none, or is missing.

        Of references to a few levels, each level is looked up once.
        """
        if not len(self._levels):
            return np.full(len(column), -1, np.int32)
        if isinstance(column, pa.DictionaryArray) and 0 < len(column.dictionary) <= len(column):
            places, codes = self._index(column.dictionary), column.indices
            found = places[np.asarray(codes.fill_null(0) if codes.null_count else codes)]
            return np.where(missing_cells(codes), np.int32(-1), found) if codes.null_count else found
        found = pc.index_in(column.cast(self._levels.type), value_set=self._levels)
        return np.asarray(found.fill_null(-1) if found.null_count else found)

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
