"""Tables as two matrices, numbers and level codes, on which all figures are computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from augment.evaluation.cells import MISSING, is_number, labels, numbers, within_reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data.schema import Column

__all__ = ["Rows", "code"]


@dataclass(frozen=True)
class Rows:
    """Rows of a table.

    Attributes:
        number_names: The columns with an order and a distance, N of them.
        level_names: The others, L of them.
        numbers: Shape (rows, N), NaN where missing.
        codes: Shape (rows, L): the rank of the cell's level by its frequency in the training rows, the
            same level the same code in all tables; levels that those lack come after them.
        missing: The code of a missing cell in each column of levels, shape (L,); -1 where none is missing.
    """

    number_names: tuple[str, ...]
    level_names: tuple[str, ...]
    numbers: NDArray[np.float64]
    codes: NDArray[np.int64]
    missing: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, numbers first."""
        return self.number_names + self.level_names

    def take(self, picked: NDArray[np.int64] | NDArray[np.bool_]) -> Rows:
        """Return the picked rows."""
        return Rows(
            self.number_names, self.level_names, self.numbers[picked], self.codes[picked], self.missing
        )

    def draw(self, rows: int, random: np.random.Generator) -> Rows:
        """Return that many rows without replacement; all of them, in another order, if there are fewer."""
        return self.take(random.permutation(len(self))[:rows])

    def joined(self, other: Rows) -> Rows:
        """Return these rows, then the other ones."""
        return Rows(
            self.number_names,
            self.level_names,
            np.concatenate([self.numbers, other.numbers]),
            np.concatenate([self.codes, other.codes]),
            self.missing,
        )

    def without(self, name: str) -> Rows:
        """Return the rows without a column."""
        kept = [column != name for column in self.number_names]
        level = [column != name for column in self.level_names]
        return Rows(
            tuple(column for column in self.number_names if column != name),
            tuple(column for column in self.level_names if column != name),
            self.numbers[:, kept],
            self.codes[:, level],
            self.missing[level],
        )


def code(columns: Sequence[Column], *tables: pa.Table) -> list[Rows]:
    """Return each table's rows; the first table's frequencies number the levels."""
    numeric = [column for column in columns if is_number(column)]
    others = [column for column in columns if not is_number(column)]
    coded = [_codes([labels(table[column.name]) for table in tables]) for column in others]
    missing = np.array([absent for _, absent in coded], dtype=np.int64)
    measured = [within_reach([numbers(table[column.name]) for table in tables]) for column in numeric]
    return [
        Rows(
            tuple(column.name for column in numeric),
            tuple(column.name for column in others),
            _beside([parts[index] for parts in measured], table.num_rows, np.float64),
            _beside([parts[index] for parts, _ in coded], table.num_rows, np.int64),
            missing,
        )
        for index, table in enumerate(tables)
    ]


def _beside(columns: list[NDArray[np.float64]] | list[NDArray[np.int64]], rows: int, kind: type) -> NDArray:  # type: ignore[type-arg] # float or int, as `kind` says
    return np.stack(columns, axis=1).astype(kind) if columns else np.empty((rows, 0), kind)


def _codes(cells: list[NDArray[np.str_]]) -> tuple[list[NDArray[np.int64]], int]:
    """Return the codes of each table's cells, and that of a missing one (-1 if there is none)."""
    levels, codes = np.unique(np.concatenate(cells), return_inverse=True)
    counts = np.bincount(codes[: len(cells[0])], minlength=len(levels))
    rank = np.empty(len(levels), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(levels))
    place = int(np.searchsorted(levels, MISSING))
    there = place < len(levels) and levels[place] == MISSING
    ends = np.cumsum([len(part) for part in cells])[:-1]
    return np.split(rank[codes], ends), int(rank[place]) if there else -1
