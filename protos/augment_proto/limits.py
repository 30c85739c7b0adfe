"""How large things on the wire may be. Both sides start from these; a server may be set otherwise."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_MESSAGE_BYTES", "MAX_ROWS_PER_CALL", "STREAM_MESSAGE_BYTES", "Limits"]

MAX_MESSAGE_BYTES = 16 * 2**20
"""One gRPC message to the server."""

MAX_ROWS_PER_CALL = 65_536
"""Records in one unary call, in either direction."""

STREAM_MESSAGE_BYTES = 512 * 2**10
"""What one message of a stream aims at: large enough to be fast, small enough to be fair."""


@dataclass(frozen=True)
class Limits:
    """What one Arrow stream from the other side may hold.

    Attributes:
        max_bytes: The encoded stream.
        max_rows: Rows of all its batches together.
        max_columns: Columns.
        max_schema_bytes: The schema's message: names, types and metadata together.
        max_messages: Schema, dictionaries and batches together.
        max_decoded_bytes: What its columns take once dictionaries and nulls are written out: a dictionary of
            one long text and a million references to it is small only on the wire.
    """

    max_bytes: int = MAX_MESSAGE_BYTES
    max_rows: int = MAX_ROWS_PER_CALL
    max_columns: int = 4096
    max_schema_bytes: int = 4 * 2**20
    max_messages: int = 4096
    max_decoded_bytes: int = 128 * 2**20
