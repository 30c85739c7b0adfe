"""Models as messages: what `ListModels` and `GetModel` tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from google.protobuf.timestamp_pb2 import Timestamp

from augment.data.storage import result_type
from augment.data.tables import BooleanTable, CategoryTable, RealTable, WholeTable
from augment.data.whole_numbers import from_whole
from augment_proto.v1 import augment_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from augment.data import Column
    from augment.data.tables import ColumnTable
    from augment.runtime import Model
    from augment_server.hosting.state import Hosted

__all__ = ["describe", "told_version"]

_MAX_CATEGORIES = 1000
_IGNORED = ("identifier", "text")


def describe(
    model: Model, aliases: Mapping[str, int] | None = None, versions: Iterable[Hosted] = ()
) -> augment_pb2.Model:
    """Return all that is told about a model.

    Args:
        model: One version of it.
        aliases: The versions that its aliases name.
        versions: All that are known of it.
    """
    manifest = model.manifest
    created_at = Timestamp()
    created_at.FromDatetime(manifest.created_at)
    tables = {table.column: table for table in manifest.encoding.columns}
    return augment_pb2.Model(
        name=model.name,
        version=model.version,
        digest=model.digest,
        created_at=created_at,
        result_schema=model.result_schema.serialize().to_pybytes(),
        columns=[_column(column, tables.get(column.name)) for column in manifest.record_schema.columns],
        samplers=model.samplers,
        operations=model.operations,
        latent_dim=manifest.latent_dim,
        block_rows=manifest.block_rows,
        training_rows=manifest.training.rows,
        figures=manifest.figures,
        aliases=aliases,
        versions=[told_version(each) for each in versions],
    )


def told_version(hosted: Hosted) -> augment_pb2.ModelVersion:
    """Return what is told about one version."""
    return augment_pb2.ModelVersion(
        version=hosted.version,
        state=augment_pb2.VersionState.Value(f"VERSION_STATE_{hosted.state}"),
        reason=hosted.reason,
        digest=hosted.digest,
    )


def _column(column: Column, table: ColumnTable | None) -> augment_pb2.Column:
    categories = _categories(table)
    minimum, maximum = _range(column, table)
    return augment_pb2.Column(
        name=column.name,
        kind=column.kind,
        nullable=column.nullable,
        role="ignored" if column.kind in _IGNORED else column.role,
        categories=categories[:_MAX_CATEGORIES],
        category_count=len(categories),
        minimum=minimum,
        maximum=maximum,
        unit=column.unit,
        shape=column.shape if column.kind == "array" else (),
    )


def _categories(table: ColumnTable | None) -> list[str]:
    if isinstance(table, BooleanTable):
        return ["false", "true"]
    return [_text(level) for level in table.levels] if isinstance(table, CategoryTable) else []


def _text(level: object) -> str:
    return str(level).lower() if isinstance(level, bool) else str(level)


def _range(column: Column, table: ColumnTable | None) -> tuple[str, str]:
    """Return the smallest and largest training value as text, in the column's own type."""
    if isinstance(table, RealTable) and table.knots:
        return repr(table.knots[0]), repr(table.knots[-1])
    if isinstance(table, WholeTable) and table.knots:
        ends = _cells([table.origin, table.origin + table.knots[-1]], column).cast(pa.string())
        return ends[0].as_py(), ends[1].as_py()
    return "", ""


def _cells(whole: list[int], column: Column) -> pa.Array:
    present = np.zeros(len(whole), np.bool_)
    kind = result_type(column)
    if max(whole) >= 2**63:
        return from_whole(np.array(whole, np.uint64), kind, present)
    return from_whole(np.array(whole, np.int64), kind, present)
