"""Gaps and swaps whose truth is known: which cells are hidden, and which hold another row's value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imputation.coding import Coding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imputation.datasets import Split

__all__ = ["PATTERNS", "Holes", "Swaps", "holes_of", "swaps_of"]

PATTERNS = ("20 % at random", "40 % at random", "by other columns")
_SHARES = {"20 % at random": 0.2, "40 % at random": 0.4}
_DRIVERS = 0.3
_DRIVEN_SHARE = 0.3
_SEED = 1


@dataclass(frozen=True)
class Holes:
    """A table with gaps.

    Attributes:
        table: The rows, with the hidden cells missing.
        hidden: Booleans (rows, columns): the cells that were there and are hidden.
    """

    table: pa.Table
    hidden: NDArray[np.bool_]


@dataclass(frozen=True)
class Swaps:
    """A table in which some cells hold another row's value; `swapped` likewise (rows, columns)."""

    table: pa.Table
    swapped: NDArray[np.bool_]


def holes_of(split: Split, rows: pa.Table, pattern: str) -> Holes:
    """Hide cells of `rows` by one of the patterns; the same rows always lose the same cells."""
    generator = np.random.default_rng([_SEED, PATTERNS.index(pattern)])
    there = np.stack([np.asarray(column.is_valid()) for column in rows.columns], axis=1)
    if pattern in _SHARES:
        wanted = generator.random(there.shape) < _SHARES[pattern]
    else:
        wanted = _driven(split, rows, generator)
    hidden = wanted & there
    columns = [
        pc.if_else(pa.array(hidden[:, index]), pa.scalar(None, type=column.type), column)
        for index, column in enumerate(rows.columns)
    ]
    return Holes(pa.Table.from_arrays(columns, schema=_nullable(rows.schema)), hidden)


def swaps_of(rows: pa.Table, share: float = 0.1) -> Swaps:
    """Put other rows' values into a share of the present cells; a value that is equal is no swap."""
    generator = np.random.default_rng([_SEED, 99])
    columns, swapped = [], []
    for column in rows.columns:
        cells = pa.concat_arrays(column.chunks)
        other = cells.take(pa.array(generator.integers(0, len(cells), len(cells))))
        wanted = pa.array(generator.random(len(cells)) < share)
        both = pc.and_(cells.is_valid(), other.is_valid())
        differs = pc.and_(pc.and_(wanted, both), pc.fill_null(pc.not_equal(cells, other), fill_value=False))
        columns.append(pc.if_else(differs, other, cells))
        swapped.append(np.asarray(differs))
    return Swaps(pa.Table.from_arrays(columns, schema=rows.schema), np.stack(swapped, axis=1))


def _driven(split: Split, rows: pa.Table, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Hide about 30 % of the cells of most columns, by a logistic model of the others, which stay.

    Muzellec et al., Missing Data Imputation using Optimal Transport (2020), section 4: 30 % of the
    columns are always given; they decide, with weights of their own for each other column.
    """
    coding = Coding.of(split)
    ranks = coding.ranks(rows)
    columns = rows.num_columns
    drivers = generator.permutation(columns)[: max(1, round(_DRIVERS * columns))]
    wanted = np.zeros((rows.num_rows, columns), np.bool_)
    for column in sorted(set(range(columns)) - set(drivers.tolist())):
        score = ranks[:, drivers] @ generator.normal(size=len(drivers))
        score = 2 * (score - score.mean()) / (score.std() or 1.0)
        chance = _sigmoid(score + _offset(score))
        wanted[:, column] = generator.random(rows.num_rows) < chance
    return wanted


def _offset(score: NDArray[np.float64]) -> float:
    """Return what makes the mean chance 30 %."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if _sigmoid(score + middle).mean() < _DRIVEN_SHARE:
            low = middle
        else:
            high = middle
    return low


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])  # noqa: FBT003 - Arrow has it so
