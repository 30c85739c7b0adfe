"""Multiple imputation of a file: several completed tables, one below the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from augment.cli.records import read_records, warn_unseen
from augment.cli.repair import counted_portions, joined_schema, with_texts
from augment.cli.sink import check_output, write_batches
from augment.sources.facts import formats_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from augment.sources.source import Source, Unseen

__all__ = ["Completed", "complete_file"]


@dataclass(frozen=True)
class Completed:
    """What was done.

    Attributes:
        rows: Records of the input.
        drawn: Cells that each draw fills in.
    """

    rows: int
    drawn: int


def complete_file(
    source: Source, path: Path, out: Path, *, draws: int, seed: int, threshold: float | None
) -> Completed:
    """Write the completed tables in one file, after the columns `draw` (from 1) and `row` (from 0).

    An underscore stands before a name that a column of the records has already.
    """
    facts = source.facts
    given = read_records(path, facts)
    schema = _numbered_schema(joined_schema(facts, given))
    check_output(out, schema)
    parts: list[tuple[pa.Table, ...]] = []
    unseen: list[tuple[int, Unseen]] = []
    drawn = 0
    for start, part in counted_portions(given.records, facts):
        made = source.draws(part, draws=draws, seed=seed, threshold=threshold, first_row=start)
        parts.append(made.tables)
        drawn += sum(pc.sum(column).as_py() or 0 for column in made.changed.columns)
        unseen += [(start, value) for value in made.unseen]
    warn_unseen(unseen)

    def numbered() -> Iterator[pa.Table]:
        for draw, tables in enumerate(zip(*parts, strict=True), 1):
            whole = with_texts(pa.concat_tables(tables).unify_dictionaries(), facts, given)
            numbers = (pa.array([draw] * whole.num_rows, pa.int32()), pa.array(range(whole.num_rows)))
            yield pa.Table.from_arrays([*numbers, *whole.columns], schema=schema)

    receipt = facts.receipt("denoise", given.records.num_rows, seed)
    write_batches(out, receipt.on(schema), numbered(), formats_of(facts.schema))
    return Completed(given.records.num_rows, drawn)


def _numbered_schema(schema: pa.Schema) -> pa.Schema:
    fields = [
        pa.field(_free("draw", schema.names), pa.int32()),
        pa.field(_free("row", schema.names), pa.int64()),
    ]
    return pa.schema([*fields, *schema], metadata=schema.metadata)


def _free(name: str, taken: list[str]) -> str:
    return _free(f"_{name}", taken) if name in taken else name
