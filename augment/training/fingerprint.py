"""What names the data that a model learns: a hash over the encoded records and their encoding."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from augment.bundle.manifest import canonical_json

if TYPE_CHECKING:
    from augment.data import Codec, Encoded

__all__ = ["data_sha256"]

_ROWS_AT_ONCE = 65_536


def data_sha256(codec: Codec, encoded: Encoded) -> str:
    """Return sha256 over the schema, the encoding tables and the encoded records, in hex.

    The encoded ones, because that is what models see: the same records give the same hash from CSV and from
    Parquet, and bytes that mean nothing (below missing cells, between row groups) have no say.
    """
    digest = hashlib.sha256()
    digest.update(canonical_json(codec.schema.model_dump(mode="json")))
    digest.update(canonical_json(codec.tables.model_dump(mode="json")))
    for part in (encoded.tokens, encoded.residuals, encoded.arrays):
        digest.update(f"{part.dtype.name} {part.shape}".encode())
        for start in range(0, len(part), _ROWS_AT_ONCE):
            digest.update(np.ascontiguousarray(part[start : start + _ROWS_AT_ONCE]).data)
    return digest.hexdigest()
