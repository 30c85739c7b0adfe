"""Records read for a model, in portions that a server takes, and what the model did not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from augment.cli.console import warn
from augment.data import read_table
from augment.errors import RequestError
from augment.sources.facts import reading_schema
from augment.sources.sizes import row_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from augment.sources.facts import Facts
    from augment.sources.source import Unseen

__all__ = ["Given", "pick_rows", "portions", "read_records", "warn_unseen"]

_PORTION_BYTES = 4 << 20
_PORTION_ROWS = 16_384
_SHOWN = 10


@dataclass(frozen=True)
class Given:
    """A file's records.

    Attributes:
        records: The columns that the model looks at.
        texts: The free-text columns, which it does not.
    """

    records: pa.Table
    texts: pa.Table


def read_records(path: Path, facts: Facts) -> Given:
    """Read a file of the model's records; a CSV file may lack columns.

    Raises:
        DataFileError: The file cannot be read.
    """
    table = read_table(path, schema=reading_schema(facts))
    texts = [
        column.name for column in facts.columns if column.kind == "text" and column.name in table.column_names
    ]
    return Given(table.drop_columns(texts), table.select(texts))


def portions(table: pa.Table, facts: Facts) -> Iterator[tuple[int, pa.Table]]:
    """Yield the rows in portions of whole blocks, each with the number of its first row.

    The same portions here and through a server, so that both compute the same.
    """
    rows = min(_PORTION_ROWS, _PORTION_BYTES // row_bytes(facts.schema))
    rows = max(1, rows // facts.block_rows) * facts.block_rows
    for start in range(0, table.num_rows, rows):
        yield start, table.slice(start, rows)


def warn_unseen(found: Sequence[tuple[int, Unseen]]) -> None:
    """Warn of values that the model never saw.

    Args:
        found: Each with the number of the first row of the portion it is from.
    """
    merged: dict[tuple[str, str], tuple[int, int]] = {}
    for start, unseen in found:
        cells, first = merged.get((unseen.column, unseen.value), (0, start + unseen.first_row))
        merged[unseen.column, unseen.value] = (cells + unseen.cells, first)
    for (column, value), (cells, first) in list(merged.items())[:_SHOWN]:
        where = f"{cells:,} cells read as missing, first in row {first}"
        warn(f"{column}: the model never saw {value!r}; {where}")
    if len(merged) > _SHOWN:
        warn(f"{len(merged) - _SHOWN:,} more values that the model never saw were read as missing")


def pick_rows(table: pa.Table, start: Sequence[int], end: Sequence[int]) -> tuple[pa.Table, pa.Table]:
    """Return the rows where paths begin and where they end.

    Raises:
        RequestError: Not as many of one as of the other, or a row that is not there.
    """
    if len(start) != len(end):
        raise RequestError.of("--to", f"must be given as often as --from ({len(start)})", len(end))
    for option, rows in (("--from", start), ("--to", end)):
        for row in rows:
            if not 0 <= row < table.num_rows:
                raise RequestError.of(option, f"must be a row in [0, {table.num_rows - 1}]", row)
    return table.take(list(start)), table.take(list(end))
