"""What a model says of itself, wherever it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from augment_proto.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from augment.data import Schema

__all__ = ["ColumnFacts", "Facts", "formats_of", "reading_schema"]

_FORMAT = b"augment.format"


@dataclass(frozen=True)
class ColumnFacts:
    """One column: its name, kind (see `augment.data.schema`), unit, and what it is for."""

    name: str
    kind: str
    nullable: bool
    role: str
    unit: str


@dataclass(frozen=True)
class Facts:
    """A model.

    Attributes:
        name: Its name.
        version: Its version.
        digest: sha256 over its manifest, in hex.
        created_at: When it was published, UTC.
        place: The bundle's directory, or the server's address.
        schema: Columns and types of the tables it gives back.
        columns: All columns of its data file, in their order.
        samplers: Ways to generate, the default first.
        operations: What can be asked of it.
        latent_dim: Width of its latent vectors.
        block_rows: Rows of one block of its noise.
        training_rows: Rows it was trained on.
        figures: Figures recorded at training time.
        resolved: By model, the settings that it was trained with; none where a server tells, or nobody.
    """

    name: str
    version: int
    digest: str
    created_at: datetime
    place: str
    schema: pa.Schema
    columns: tuple[ColumnFacts, ...]
    samplers: tuple[str, ...]
    operations: tuple[str, ...]
    latent_dim: int
    block_rows: int
    training_rows: int
    figures: Mapping[str, float]
    resolved: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def receipt(self, operation: str, rows: int, seed: int | None = None) -> Receipt:
        """Return what the same file can be made by again, from the same records."""
        return Receipt(self.name, self.version, self.digest, operation, 0, rows, seed)


def formats_of(schema: pa.Schema) -> dict[str, str]:
    """Return how text files write the points in time of each column that says so."""
    return {
        field.name: field.metadata[_FORMAT].decode()
        for field in schema
        if field.metadata and _FORMAT in field.metadata
    }


def reading_schema(facts: Facts, *, exact: bool = False) -> Schema:
    """Return how to read a CSV file of the model's records: each column as the model has it.

    Made from what a server tells too, so that a file reads the same here and there.

    Args:
        facts: Of the model.
        exact: Whether cells may be missing where the model's may, and nowhere else.
    """
    from augment.data import Schema  # noqa: PLC0415 - pydantic, only where files are read

    columns = [_column(column, facts.schema, exact=exact) for column in facts.columns]
    return Schema.model_validate({"columns": columns})


def _column(column: ColumnFacts, schema: pa.Schema, *, exact: bool) -> dict[str, Any]:
    from augment.data.storage import storage_name  # noqa: PLC0415 - likewise

    entry: dict[str, Any] = {
        "name": column.name,
        "kind": column.kind,
        "nullable": column.nullable or not exact,
    }
    if column.kind == "text":
        return {**entry, "storage": "string"}
    kind = schema.field(column.name).type
    if column.kind == "array":
        shape, kind = _shape_of(kind)
        entry["shape"] = shape
    if column.kind == "datetime":
        entry["format"] = formats_of(schema).get(column.name, "")
    return {**entry, "storage": storage_name(kind)}


def _shape_of(kind: pa.DataType) -> tuple[list[int], pa.DataType]:
    """Return the shape and the element type of fixed-shape arrays."""
    if isinstance(kind, pa.FixedShapeTensorType):
        return list(kind.shape), kind.value_type
    return [int(kind.list_size)], kind.value_type
