"""The rows of a long table that a sample of it must not lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from augment.data.array_cells import is_list

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Extremes"]

_ORDERED = (
    pt.is_integer,
    pt.is_floating,
    pt.is_decimal,
    pt.is_date,
    pt.is_time,
    pt.is_timestamp,
    pt.is_string,
    pt.is_large_string,
)
"""What has a smallest value; of two booleans either is soon seen, and no other column is learnt by order."""


class Extremes:
    """Of each column the first rows that hold its smallest value, its largest value, and a missing cell.

    With them a sample has the range of all rows: numbers beyond the sample's own range are in the outermost
    bins, and a column that is missing somewhere is known to be. Of texts and of arrays' elements likewise.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[Any, int, pa.Table]] = {}

    def take(self, table: pa.Table, first_row: int) -> None:
        """Look at a clean table, whose first row has this number."""
        for name, column in zip(table.column_names, table.columns, strict=True):
            cells = column.chunk(0)
            if cells.null_count and (name, "missing") not in self._rows:
                self._keep(
                    (name, "missing"), None, int(np.argmax(np.asarray(cells.is_null()))), table, first_row
                )
            for end, value, row in _ends(cells):
                before = self._rows.get((name, end))
                if before is None or (value < before[0] if end == "min" else value > before[0]):
                    self._keep((name, end), value, row, table, first_row)

    def rows(self) -> dict[int, pa.Table]:
        """Return the rows by their numbers, ascending."""
        found = {row: table for _, row, table in self._rows.values()}
        return dict(sorted(found.items()))

    def _keep(self, key: tuple[str, str], value: Any, row: int, table: pa.Table, first_row: int) -> None:
        self._rows[key] = (
            value,
            first_row + row,
            table.take(pa.array([row])),
        )  # `slice` would keep all of it


def _ends(cells: pa.Array) -> Iterator[tuple[str, Any, int]]:
    """Yield `min` and `max` with the value and a row that has it; nothing of columns without an order."""
    if is_list(cells.type):
        yield from _element_ends(cells)
        return
    plain = cells.cast(cells.type.value_type) if pt.is_dictionary(cells.type) else cells
    if not any(is_kind(plain.type) for is_kind in _ORDERED) or plain.null_count == len(plain):
        return
    plain = plain.cast(pa.float32()) if pt.is_float16(plain.type) else plain
    ends = pc.min_max(plain)
    for end in ("min", "max"):
        yield end, ends[end].as_py(), pc.index(plain, ends[end]).as_py()


def _element_ends(cells: pa.Array) -> Iterator[tuple[str, Any, int]]:
    valid = np.flatnonzero(np.asarray(cells.is_valid()))
    flat = (cells.storage if isinstance(cells, pa.ExtensionArray) else cells).drop_null()
    while is_list(flat.type):
        flat = flat.flatten()
    if not len(flat) or len(flat) % len(valid) or not (pt.is_integer(flat.type) or pt.is_floating(flat.type)):
        return
    elements = np.nan_to_num(np.asarray(flat.cast(pa.float64()).fill_null(0)))
    for end, place in (("min", elements.argmin()), ("max", elements.argmax())):
        yield end, float(elements[place]), int(valid[int(place) // (len(flat) // len(valid))])
