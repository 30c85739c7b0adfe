"""An operation on records as a value: what to send, in how many messages, and how to read the answers.

Sync and async client share all of this; what is left to them is to send.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pyarrow as pa

from augment_client.results import Denoised, Draws, Latents, Predictions, Records, Scores, Unseen
from augment_proto.limits import MAX_ROWS_PER_CALL
from augment_proto.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from google.protobuf.message import Message

    from augment_client.results import ModelInfo

__all__ = ["Call", "rows_a_message"]

_CALL_BYTES = 4 * 2**20
_CELL_BYTES = 16

_R = TypeVar("_R", Records, Denoised, Draws, Latents, Scores, Predictions)


@dataclass(frozen=True)
class Call(Generic[_R]):
    """One operation.

    Attributes:
        method: The RPC's name, e.g. `Denoise`.
        model: The model's name.
        version: Its version; 0 for the newest.
        tables: The records; several of equal length are cut alike.
        answers_per_row: Records in the answer for each one sent.
        build: Makes a message of the version, the number of the first row in the answer, and the tables
            or pieces of them.
        read: Makes a result of an answer.
    """

    method: str
    model: str
    version: int
    tables: tuple[pa.Table, ...]
    build: Callable[..., Message]
    read: Callable[[Any], _R]
    answers_per_row: int = 1

    @property
    def is_large(self) -> bool:
        """Whether it takes several messages, which must name one version."""
        return self._rows > self._max_rows

    def message(self) -> Message:
        """Return the whole as one message."""
        return self.build(self.version, 0, *self.tables)

    def messages(self, model: ModelInfo) -> Iterable[Message]:
        """Yield several messages for that very version, in whole blocks where the rows are small enough."""
        rows = self._piece_rows(model.block_rows)
        for start in self._starts(model.block_rows):
            pieces = (table.slice(start, rows) for table in self.tables)
            yield self.build(model.version, start * self.answers_per_row, *pieces)

    def join(self, answers: Sequence[Any], model: ModelInfo) -> _R:
        """Return the result of the answers to `messages`."""
        parts = [self.read(answer) for answer in answers]
        starts = self._starts(model.block_rows)
        joined = {
            field.name: _joined([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(parts[0])
            if field.name != "unseen"
        }
        unseen = (
            dataclasses.replace(value, first_row=value.first_row + start)
            for part, start in zip(parts, starts, strict=True)
            for value in part.unseen
        )
        columns = [column.name for column in model.columns]
        return dataclasses.replace(parts[0], unseen=_merged(unseen, columns), **joined)

    def _starts(self, block_rows: int) -> range:
        return range(0, self._rows, self._piece_rows(block_rows))

    def _piece_rows(self, block_rows: int) -> int:
        whole_blocks = self._max_rows // block_rows * block_rows
        return whole_blocks or self._max_rows

    @property
    def _rows(self) -> int:
        return int(self.tables[0].num_rows)

    @property
    def _max_rows(self) -> int:
        return rows_a_message(self.tables, self.answers_per_row)


def rows_a_message(tables: Sequence[pa.Table], answers_per_row: int = 1) -> int:
    """Return how many rows of these tables, which have equally many, one message should hold."""
    cells = sum(table.num_columns for table in tables) * answers_per_row
    sent = sum(table.nbytes for table in tables) // max(1, tables[0].num_rows)
    by_bytes = _CALL_BYTES // max(1, sent + _CELL_BYTES * cells)
    return int(max(1, min(by_bytes, MAX_ROWS_PER_CALL // answers_per_row)))


def _joined(parts: list[Any]) -> Any:
    """Return the tables of all parts as one, tuples of tables one by one; all else is alike."""
    if isinstance(parts[0], tuple):
        return tuple(_joined(list(tables)) for tables in zip(*parts, strict=True))
    if isinstance(parts[0], pa.Table):
        whole = pa.concat_tables(parts).unify_dictionaries()
        receipts = [Receipt.of(part.schema) for part in parts]
        if receipts[0] is None:
            return whole
        rows = sum(receipt.rows for receipt in receipts if receipt is not None)
        receipt = dataclasses.replace(receipts[0], rows=rows)
        return whole.replace_schema_metadata(receipt.on(whole.schema).metadata)
    return parts[0]


def _merged(values: Iterable[Unseen], columns: Sequence[str]) -> tuple[Unseen, ...]:
    """Return each value once with all its cells: by column, most cells first, as one call has them."""
    merged: dict[tuple[str, str], Unseen] = {}
    for value in values:
        key = (value.column, value.value)
        earlier = merged.get(key)
        cells = value.cells + (earlier.cells if earlier else 0)
        merged[key] = dataclasses.replace(earlier or value, cells=cells)
    order = {name: index for index, name in enumerate(columns)}
    return tuple(
        sorted(
            merged.values(), key=lambda value: (order.get(value.column, -1), -value.cells, value.first_row)
        )
    )
