"""Tables and bytes: one Arrow IPC stream each way, checked in full before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from augment_proto.errors import ArrowLimitError
from augment_proto.limits import Limits
from augment_proto.messages import MessageInspector, decoding
from augment_proto.plain import to_plain
from augment_proto.types import check_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_batches", "from_ipc", "schema_from_ipc", "to_ipc"]

_FOLDED = frozenset({pa.null().id, pa.dictionary(pa.int32(), pa.null()).id})
"""Types of columns whose cells may take more bytes written out than they take on the wire."""


def to_ipc(table: pa.Table) -> bytes:
    """Return the table as one uncompressed Arrow IPC stream, in plain types, with one dictionary a column."""
    table = to_plain(table).unify_dictionaries()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def from_ipc(data: bytes, limits: Limits | None = None) -> pa.Table:
    """Return the table that `data` holds, every buffer of it validated.

    Raises:
        ArrowFormatError: `data` is not a valid, plain, uncompressed Arrow IPC stream.
        ArrowLimitError: It is larger than `limits` (default: `Limits()`) allow.
    """
    limits = limits or Limits()
    MessageInspector(limits).inspect(data, with_schema=True)
    with decoding():
        reader = pa.ipc.open_stream(pa.BufferReader(data))
        check_schema(reader.schema, limits.max_columns)
        batches = list(reader)
        check_batches(batches, limits)
        return pa.Table.from_batches(batches, reader.schema)


def schema_from_ipc(data: bytes, limits: Limits | None = None) -> pa.Schema:
    """Return the schema that `data`, one schema message, holds: of any type, since no cell comes with it.

    Raises:
        ArrowFormatError: `data` is none.
    """
    MessageInspector(limits or Limits()).inspect(data, with_schema=True)
    with decoding():
        return pa.ipc.read_schema(pa.py_buffer(data))


def check_batches(batches: Sequence[pa.RecordBatch], limits: Limits) -> None:
    """Validate every buffer, then what the columns take when written out.

    Raises:
        ArrowFormatError: A buffer is not what its type says.
        ArrowLimitError: They unfold to more than `limits.max_decoded_bytes`.
    """
    with decoding():
        for batch in batches:
            batch.validate(full=True)
        decoded = sum(_decoded_bytes(batch) for batch in batches)
    if decoded > limits.max_decoded_bytes:
        raise ArrowLimitError(f"must unfold to at most {limits.max_decoded_bytes} bytes", decoded)


def _decoded_bytes(batch: pa.RecordBatch) -> int:
    """Return the bytes of a batch once nulls and dictionary references are written out; 0: it has none.

    Other columns take what they take on the wire, which has its own limit.
    """
    if not any(kind.id in _FOLDED for kind in batch.schema.types):
        return 0
    return sum(_column_bytes(column) for column in batch.columns)


def _column_bytes(column: Any) -> int:
    """Return the same of a column.

    Example: 1,000 references to one text of 50 bytes are 4,050 bytes here and 54,000 written out.
    """
    if pa.types.is_null(column.type):
        return 8 * len(column)
    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    values: Any = column.dictionary
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return 16 * len(column)
    lengths = pc.take(pc.binary_length(values).cast(pa.int64()), column.indices)
    return 4 * len(column) + int(pc.sum(lengths).as_py() or 0)
