"""Denoising a file: the repaired records, and what was changed in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.cli.progress_rows import counted
from augment.cli.records import portions, read_records, warn_unseen
from augment.cli.sink import check_output, is_array, write_batches
from augment.sources.facts import formats_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from augment.cli.records import Given
    from augment.sources.facts import Facts
    from augment.sources.source import Denoised, Source, Unseen

__all__ = ["Repaired", "counted_portions", "joined_schema", "repair_file", "with_texts"]

_CHANGES = pa.schema(
    [
        ("row", pa.int64()),
        ("column", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("confidence", pa.float32()),
    ]
)


@dataclass(frozen=True)
class Repaired:
    """What was done.

    Attributes:
        rows: Records.
        filled: Missing cells that were filled in.
        repaired: Given cells that were changed; arrays count as one cell.
    """

    rows: int
    filled: int
    repaired: int


def repair_file(
    source: Source,
    path: Path,
    out: Path,
    *,
    threshold: float | None,
    numbers: str | None,
    changes: Path | None,
) -> Repaired:
    """Denoise a file into another, and write what was changed if `changes` is a path."""
    facts = source.facts
    given = read_records(path, facts)
    check_output(out, joined_schema(facts, given))
    parts: list[pa.Table] = []
    diffs: list[pa.Table] = [_CHANGES.empty_table()]
    unseen: list[tuple[int, Unseen]] = []
    for start, part in counted_portions(given.records, facts):
        made = source.denoise(part, threshold=threshold, numbers=numbers, first_row=start)
        parts.append(made.records)
        diffs.append(_diff(start, part, made))
        unseen += [(start, value) for value in made.unseen]
    warn_unseen(unseen)
    diff = pa.concat_tables(diffs)
    records = with_texts(pa.concat_tables(parts).unify_dictionaries(), facts, given)
    schema = facts.receipt("denoise", records.num_rows).on(records.schema)
    write_batches(out, schema, [records], formats_of(facts.schema))
    if changes is not None:
        write_batches(changes, _CHANGES, [diff])
    filled = diff["before"].null_count
    return Repaired(records.num_rows, filled, diff.num_rows - filled)


def counted_portions(table: pa.Table, facts: Facts) -> Iterator[tuple[int, pa.Table]]:
    """Yield the portions with a progress bar over their rows."""
    starts, parts = zip(*portions(table, facts), strict=True)
    return zip(starts, counted(parts, table.num_rows), strict=True)


def joined_schema(facts: Facts, given: Given) -> pa.Schema:
    """Return the columns of the output: the model's, and the free texts that were given, in file order."""
    texts = given.texts.schema
    names = [c.name for c in facts.columns if c.name in facts.schema.names or c.name in texts.names]
    fields = [(texts if name in texts.names else facts.schema).field(name) for name in names]
    return pa.schema(fields, metadata=facts.schema.metadata)


def with_texts(records: pa.Table, facts: Facts, given: Given) -> pa.Table:
    """Return the records with the free texts that were given beside them, in file order."""
    schema = joined_schema(facts, given)
    columns = [(given.texts if name in given.texts.column_names else records)[name] for name in schema.names]
    return pa.Table.from_arrays(columns, schema=schema)


def _diff(start: int, given: pa.Table, made: Denoised) -> pa.Table:
    """Return the changed cells of one portion, row by row; `before` is null where it was missing."""
    parts = [_CHANGES.empty_table()]
    for name in made.changed.column_names:
        rows = np.flatnonzero(made.changed[name].to_numpy())
        taken = pa.array(rows)
        before = given[name].take(taken) if name in given.column_names else None
        columns = [
            pa.array(rows + start),
            pa.array([name] * len(rows), pa.string()),
            _texts(before, len(rows)),
            _texts(made.records[name].take(taken), len(rows)),
            made.confidence[name].take(taken).cast(pa.float32()),
        ]
        parts.append(pa.Table.from_arrays(columns, schema=_CHANGES))
    return pa.concat_tables(parts).sort_by("row")


def _texts(cells: pa.ChunkedArray | None, rows: int) -> pa.ChunkedArray:
    """Return cells as text; `(array)` for arrays that are there."""
    if cells is None:
        return pa.chunked_array([pa.nulls(rows, pa.string())])
    if is_array(cells.type):
        named = pc.if_else(cells.is_valid(), pa.scalar("(array)"), pa.scalar(None, pa.string()))
        return pa.chunked_array(named.chunks if isinstance(named, pa.ChunkedArray) else [named], pa.string())
    plain = cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells
    return plain.cast(pa.string())
