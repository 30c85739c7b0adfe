"""Which rows make up which part, by a formula: no list of parts is ever held."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.scale.inputs import InputFile
    from augment.sources.source import Request

__all__ = ["Draw", "Part", "Parts", "RealPart", "SyntheticPart"]


@dataclass(frozen=True)
class Draw:
    """Synthetic rows that an `augment` adds.

    Attributes:
        operation: The place of the `augment` in the step's operations.
        request: What is asked of the model.
    """

    operation: int
    request: Request


@dataclass(frozen=True)
class RealPart:
    """Given rows.

    Attributes:
        number: Of the part, from 0.
        name: Of its file.
        first_row: The number of its first row among those of all files.
        rows: How many.
        file: The place of their file in the input.
        start: The number of its first row in this file.
    """

    number: int
    name: str
    first_row: int
    rows: int
    file: int
    start: int


@dataclass(frozen=True)
class SyntheticPart:
    """Rows to be made.

    Attributes:
        number: Of the part, from 0.
        name: Of its file.
        first_row: The address of its first row in its seed's endless table.
        rows: How many.
        draw: The place of their request in the plan.
    """

    number: int
    name: str
    first_row: int
    rows: int
    draw: int


Part = RealPart | SyntheticPart


@dataclass(frozen=True)
class Parts:
    """All parts of a plan: first those of each file, then those of each request.

    Every part but the last of its file or request has `size` rows.

    Attributes:
        files: The input.
        draws: What is to be made.
        size: Rows of a part: whole blocks of the bundle, so that a row's bits do not depend on it.
    """

    files: tuple[InputFile, ...]
    draws: tuple[Draw, ...]
    size: int

    def __len__(self) -> int:
        return self._real[-1] + self._synthetic[-1]

    @property
    def given(self) -> range:
        """The numbers of the parts of given rows; those after them are synthetic."""
        return range(self._real[-1])

    @property
    def real_rows(self) -> int:
        """How many rows are given."""
        return sum(file.rows for file in self.files)

    @property
    def synthetic_rows(self) -> int:
        """How many are to be made."""
        return sum(draw.request.rows for draw in self.draws)

    def __getitem__(self, number: int) -> Part:
        if not 0 <= number < len(self):
            raise IndexError(number)
        if number < self._real[-1]:
            index, rows, start = self._place(self._real, [file.rows for file in self.files], number)
            file = self.files[index]
            return RealPart(number, f"real-{number:08d}.parquet", file.first_row + start, rows, index, start)
        number_made = number - self._real[-1]
        wanted = [draw.request.rows for draw in self.draws]
        index, rows, start = self._place(self._synthetic, wanted, number_made)
        name = f"synthetic-{number_made:08d}.parquet"
        return SyntheticPart(number, name, self.draws[index].request.offset + start, rows, index)

    def _place(self, ends: Sequence[int], rows: Sequence[int], number: int) -> tuple[int, int, int]:
        """Return which file or request a part is of, how many rows it has, and the first of them."""
        index = bisect_right(ends, number) - 1
        start = (number - ends[index]) * self.size
        return index, min(self.size, rows[index] - start), start

    @cached_property
    def _real(self) -> tuple[int, ...]:
        """How many parts there are before each file, and before the first request."""
        return self._ends([file.rows for file in self.files])

    @cached_property
    def _synthetic(self) -> tuple[int, ...]:
        return self._ends([draw.request.rows for draw in self.draws])

    def _ends(self, rows: Sequence[int]) -> tuple[int, ...]:
        return tuple(accumulate((-(-each // self.size) for each in rows), initial=0))
