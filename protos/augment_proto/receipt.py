"""What a table was made of and how, kept in the metadata of its schema, and so in Parquet and Arrow files."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["METADATA_KEY", "Receipt"]

METADATA_KEY = b"augment.receipt"
"""Where a schema's metadata has it, as JSON."""


@dataclass(frozen=True)
class Receipt:
    """With it, and the records that were sent if any, the same table can be had again.

    Attributes:
        model: The model's name.
        version: Its version.
        digest: sha256 over the bundle's manifest, in hex: names the very model.
        operation: What was asked, e.g. `generate` or `denoise`.
        offset: The number of the first row.
        rows: How many rows; 0: it is not told, as of a data set whose length nobody knows.
        seed: Of what is drawn; None where nothing is.
        sampler: How generated records are made.
        conditions: What every generated record satisfies. One of so many values that it does not travel as
            text is left out.
        balance: The balance of generated records; empty: none.
        steps: In how many steps a record is made; 0: the model's default.
    """

    model: str
    version: int
    digest: str
    operation: str
    offset: int = 0
    rows: int = 0
    seed: int | None = None
    sampler: str = ""
    conditions: tuple[str, ...] = ()
    balance: str = ""
    steps: int = 0

    def to_json(self) -> str:
        """Return the receipt as text; what was not asked for is left out."""
        told = {
            field.name: value
            for field in _FIELDS
            if (value := getattr(self, field.name)) != field.default or field.name == "offset"
        }
        return json.dumps(told, ensure_ascii=False)

    def on(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the receipt in its metadata."""
        return schema.with_metadata({**(schema.metadata or {}), METADATA_KEY: self.to_json()})

    @classmethod
    def of(cls, schema: pa.Schema) -> Receipt | None:
        """Return the receipt that a schema carries; None: none that can be read."""
        text = (schema.metadata or {}).get(METADATA_KEY)
        if text is None:
            return None
        try:
            told = json.loads(text)
            return cls(**{**told, "conditions": tuple(told.get("conditions", ()))})
        except (ValueError, TypeError, AttributeError):
            return None


_FIELDS = dataclasses.fields(Receipt)
