"""Encoding tables: all that turns records into tokens and back. Part of a bundle's manifest, as JSON."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, model_validator

__all__ = [
    "ArrayTable",
    "BooleanTable",
    "CategoryTable",
    "ColumnTable",
    "EncodingTables",
    "NumericTable",
    "RealTable",
    "WholeTable",
]

Counts = tuple[NonNegativeInt, ...]
Levels = Annotated[
    tuple[str, ...] | tuple[bool, ...] | tuple[int, ...] | tuple[float, ...],
    Field(union_mode="left_to_right"),
]
_OFFSET_LIMIT = 2**64


class _Table(BaseModel):
    """What every table has.

    Attributes:
        column: The column's name.
        counts: For each token, missing first, how many training rows have it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    counts: Counts = Field(min_length=1)


class NumericTable(_Table):
    """Increasing values in disjoint bins, each a token.

    Attributes:
        widths: For each token but missing, the number of stretches of its spline; 0 for a token that
            is a single value.
        mean: Mean over present training cells, in the units of the knots.
        deviation: Standard deviation likewise.
    """

    widths: Counts
    mean: FiniteFloat
    deviation: FiniteFloat = Field(ge=0)

    def _check(self, knots: tuple[int, ...] | tuple[float, ...]) -> None:
        if len(self.widths) + 1 != len(self.counts):
            msg = f"widths must be one fewer than counts, got {len(self.widths)} and {len(self.counts)}"
            raise ValueError(msg)
        if len(knots) != sum(self.widths) + len(self.widths):
            msg = f"a bin of n stretches has n + 1 knots, got {len(knots)} knots for widths {self.widths}"
            raise ValueError(msg)
        if any(low > high for low, high in pairwise(knots)):
            msg = "knots must not decrease"
            raise ValueError(msg)


class WholeTable(NumericTable):
    """Integers, points in time and decimals: whole numbers of the column's smallest unit.

    Attributes:
        origin: The smallest value.
        step: All values are `origin` plus a multiple of it.
        knots: The splines' knots side by side, as offsets from `origin`.
    """

    table: Literal["whole"] = "whole"
    origin: int = Field(ge=-(2**63), lt=2**64)
    step: int = Field(default=1, ge=1, lt=_OFFSET_LIMIT)
    knots: tuple[Annotated[int, Field(ge=0, lt=_OFFSET_LIMIT)], ...]

    @model_validator(mode="after")
    def _bins_are_disjoint(self) -> WholeTable:
        self._check(self.knots)
        return self


class RealTable(NumericTable):
    """Floating point numbers.

    Attributes:
        decimals: Decimal places to round to; None: none.
        step: All values are the smallest plus a multiple of it, in units of the last place.
        knots: The splines' knots side by side.
    """

    table: Literal["real"] = "real"
    decimals: int | None = Field(default=None, ge=0, le=17)
    step: int = Field(default=1, ge=1, lt=2**53)
    knots: tuple[FiniteFloat, ...]

    @model_validator(mode="after")
    def _bins_are_disjoint(self) -> RealTable:
        self._check(self.knots)
        return self


class CategoryTable(_Table):
    """Levels, most frequent first: those before the rare ones have a token each.

    Attributes:
        levels: All levels in the order of their tokens, the rare ones last.
        rare_counts: How many training rows have each of the rare levels, which share the last token.
        dictionary: The data file's own dictionary, in its order and with levels that no row has;
            empty where that is `levels` itself, or the column is none of dictionaries.
    """

    table: Literal["category"] = "category"
    levels: Levels
    rare_counts: Counts = ()
    dictionary: Levels = ()

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    def own_tokens(self) -> int:
        """How many levels have a token of their own."""
        return len(self.levels) - len(self.rare_counts)

    @model_validator(mode="after")
    def _tokens_match_levels(self) -> CategoryTable:
        tokens = 1 + self.own_tokens + bool(self.rare_counts)
        if self.own_tokens < 0 or tokens != len(self.counts):
            msg = f"{len(self.levels)} levels need {tokens} counts, got {len(self.counts)}"
            raise ValueError(msg)
        if len(set(self.levels)) < len(self.levels) or len(set(self.dictionary)) < len(self.dictionary):
            msg = "levels must be distinct"
            raise ValueError(msg)
        if self.dictionary and not set(self.levels) <= set(self.dictionary):
            msg = "dictionary must have all levels"
            raise ValueError(msg)
        return self


class BooleanTable(_Table):
    """Missing, false, true."""

    table: Literal["boolean"] = "boolean"
    counts: Counts = Field(min_length=3, max_length=3)


class ArrayTable(_Table):
    """Arrays: one scale for all elements; tokens: missing, present.

    Attributes:
        mean: Mean over all elements of present training cells.
        deviation: Standard deviation likewise; 1 where all elements are alike.
        low: Smallest element.
        high: Largest element.
        levels: Elements are multiples of 1 / `levels`; 0: they are not.
        spikes: Whether many elements are `low` itself, and whether many are `high` itself.
    """

    table: Literal["array"] = "array"
    counts: Counts = Field(min_length=2, max_length=2)
    mean: FiniteFloat
    deviation: FiniteFloat = Field(gt=0)
    low: FiniteFloat
    high: FiniteFloat
    levels: NonNegativeInt = 0
    spikes: tuple[bool, bool] = (False, False)


ColumnTable = Annotated[
    WholeTable | RealTable | CategoryTable | BooleanTable | ArrayTable, Field(discriminator="table")
]


class EncodingTables(BaseModel):
    """The tables of all modelled columns: in file order, arrays included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[ColumnTable, ...]

    def table(self, column: str) -> ColumnTable | None:
        """Return the column's table, or None."""
        return next((table for table in self.columns if table.column == column), None)

    @property
    def rows(self) -> int:
        """How many rows were learnt from."""
        return sum(self.columns[0].counts) if self.columns else 0
