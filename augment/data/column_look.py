"""A column of a table, and what the choice of its kind turns on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from augment.data.array_cells import is_list
from augment.data.storage import storage_name, storage_type

__all__ = ["NO_CELLS", "Look"]

NO_CELLS = "no cell is present"
"""How `why` begins for a column that is missing throughout."""


@dataclass(frozen=True)
class Look:
    """One column under inspection.

    Attributes:
        name: Its name.
        cells: Its cells.
        present: Those not missing, without any dictionary.
        distinct: How many values they have; 0 for arrays and unknown types.
        notes: What its text file said beyond values; see `TypedColumn`.
        target: Whether downstream models predict it.
        rows: How many cells these are a sample of; where they are all, as many as they are.
    """

    name: str
    cells: pa.Array
    present: pa.Array
    distinct: int
    notes: dict[str, str]
    target: bool
    rows: int

    @classmethod
    def at(cls, table: pa.Table, field: pa.Field, target: str | None, rows: int | None = None) -> Look:
        """Look at a column of a clean table, which is a sample of so many rows (None: all there are)."""
        cells = table.column(field.name).chunk(0)
        plain = _plain(cells)
        known = storage_type(storage_name(plain.type)) is not None and not pt.is_null(plain.type)
        distinct = (
            pc.count_distinct(plain, mode="only_valid").as_py() if known and not is_list(plain.type) else 0
        )
        notes = {
            key.decode().removeprefix("augment."): value.decode()
            for key, value in (field.metadata or {}).items()
            if key.startswith(b"augment.")
        }
        present = plain if plain.null_count == 0 else plain.drop_null()
        whole = max(rows or 0, len(cells))
        return cls(field.name, cells, present, distinct, notes, field.name == target, whole)

    @property
    def all_distinct(self) -> bool:
        """Whether no cell is missing and no two are alike."""
        return self.distinct == len(self.cells)

    @property
    def share_distinct(self) -> float:
        """Distinct values for each present cell."""
        return self.distinct / max(len(self.present), 1)

    def base(self, why: str, *, storage: str = "") -> dict[str, Any]:
        """Return the fields that every kind of column has."""
        if not len(self.present):
            why = f"{NO_CELLS} ({why})"
        elif self.distinct == 1:
            why = f"{why}; constant"
        if self.rows > len(self.cells):
            why = f"{why}; by {len(self.cells):,} of {self.rows:,} rows"
        note = self.notes.get("note")
        return {
            "name": self.name,
            "nullable": self.cells.null_count > 0,
            "role": "target" if self.target else "feature",
            "storage": storage or storage_name(self.cells.type),
            "why": f"{why}; {note}" if note else why,
        }


def _plain(cells: pa.Array) -> pa.Array:
    """Return cells without a dictionary, and in a type that Arrow has kernels for."""
    kind = cells.type.value_type if pt.is_dictionary(cells.type) else cells.type
    kind = pa.float32() if pt.is_float16(kind) else kind
    return cells if cells.type == kind else cells.cast(kind)
