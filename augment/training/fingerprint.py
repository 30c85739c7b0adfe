"""What names the data that a model learns: a hash over the encoded records and their encoding."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from augment.bundle.manifest import canonical_json
from augment.data import Encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from augment.data import Codec
    from augment.data.record_file import RecordFile

__all__ = ["data_sha256"]

_ROWS_AT_ONCE = 65_536


def data_sha256(codec: Codec, encoded: Encoded | RecordFile) -> str:
    """Return sha256 over the schema, the encoding tables and the encoded records, in hex.

    The encoded ones, because that is what models see: the same records give the same hash from CSV and from
    Parquet, in memory and in a file, and bytes that mean nothing (below missing cells, between row groups)
    have no say.
    """
    digest = hashlib.sha256()
    digest.update(canonical_json(codec.schema.model_dump(mode="json")))
    digest.update(canonical_json(codec.tables.model_dump(mode="json")))
    rows, columns = len(encoded.tokens if isinstance(encoded, Encoded) else encoded), len(codec.layout.names)
    widths = {"tokens": columns, "residuals": columns, "arrays": codec.layout.array_width}
    for part, width in widths.items():
        kind = "int32" if part == "tokens" else "float32"
        digest.update(f"{kind} {(rows, width)}".encode())
        if width:
            for piece in _pieces(encoded):
                digest.update(np.ascontiguousarray(getattr(piece, part)).data)
    return digest.hexdigest()


def _pieces(encoded: Encoded | RecordFile) -> Iterator[Encoded]:
    if not isinstance(encoded, Encoded):
        yield from encoded.pieces()
        return
    for start in range(0, len(encoded.tokens), _ROWS_AT_ONCE):
        some = slice(start, start + _ROWS_AT_ONCE)
        yield Encoded(encoded.tokens[some], encoded.residuals[some], encoded.arrays[some])
