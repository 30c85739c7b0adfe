"""Tables without missing cells, for peers that take none: what was missing comes back as missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

    from fidelity.methods import Task

__all__ = ["Filled"]

_MISSING = "(missing)"
_FLAG = "(missing) "
_NO = "no"


@dataclass(frozen=True)
class Filled:
    """A task's training rows as peers take them, and the way back.

    A missing text becomes a level. A missing number becomes the column's median, and a column of two
    levels says where: the peer learns which rows miss it. Texts and classes are texts.

    Attributes:
        schema: The training table's.
        categories: Columns of levels, the flags among them.
        frame: The rows.
    """

    schema: pa.Schema
    categories: list[str]
    frame: pd.DataFrame

    @classmethod
    def of(cls, task: Task) -> Filled:
        """Fill a task's training rows."""
        table, columns, categories = task.train, {}, []
        for field in table.schema:
            cells = table[field.name]
            if pa.types.is_string(field.type) or (task.classes and field.name == task.target):
                columns[field.name] = pc.fill_null(cells.cast(pa.string()), _MISSING)
                categories.append(field.name)
                continue
            if cells.null_count:
                columns[_FLAG + field.name] = pc.if_else(pc.is_null(cells), _MISSING, _NO)
                categories.append(_FLAG + field.name)
                cells = cells.fill_null(pc.approximate_median(cells).cast(field.type))
            columns[field.name] = cells
        return cls(table.schema, categories, pa.table(columns).to_pandas())

    def table(self, frame: pd.DataFrame) -> pa.Table:
        """Return rows of the peer as records; whole numbers are rounded."""
        return pa.table({field.name: self._cells(frame, field) for field in self.schema})

    def _cells(self, frame: pd.DataFrame, field: pa.Field) -> pa.Array:
        cells = pa.array(frame[field.name], from_pandas=True)
        flag = _FLAG + field.name
        if field.name in self.categories:
            return _blanked(cells, pc.equal(cells, _MISSING)).cast(field.type)
        if pa.types.is_integer(field.type):
            cells = pc.round(cells.cast(pa.float64()))
        cells = cells.cast(field.type)
        return _blanked(cells, pc.equal(pa.array(frame[flag]), _MISSING)) if flag in frame else cells


def _blanked(cells: pa.Array, where: Any) -> pa.Array:
    return pc.if_else(where, pa.scalar(None, cells.type), cells)
