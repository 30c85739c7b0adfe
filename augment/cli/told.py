"""A file of records to a file of what a model tells of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from augment.cli.records import read_records, warn_unseen
from augment.cli.repair import counted_portions
from augment.cli.sink import check_output, write_batches
from augment.sources.source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from augment.sources.source import Source, Unseen, Where

__all__ = ["tell_file"]


class _Answer(Protocol):
    @property
    def unseen(self) -> Sequence[Unseen]: ...


Answer = TypeVar("Answer", bound=_Answer)


def tell_file(
    where: Where,
    records: Path,
    out: Path,
    ask: Callable[[Source, pa.Table], Answer],
    table_of: Callable[[Answer], pa.Table],
    *,
    operation: str,
) -> tuple[int, Answer]:
    """Ask about all records, part by part, and write one row for each, in their order.

    Args:
        where: The model.
        records: A data file.
        out: The file to write.
        ask: What is asked of a part.
        table_of: Takes from an answer what is written.
        operation: What that is called in the file's receipt.

    Returns:
        The rows written, and the answer to the first part.
    """
    check_output(out)
    with open_source(where) as source:
        facts = source.facts
        table = read_records(records, facts).records
        made = [(start, ask(source, part)) for start, part in counted_portions(table, facts)]
    warn_unseen([(start, unseen) for start, told in made for unseen in told.unseen])
    first = made[0][1]
    plain = table_of(first).schema.remove_metadata()
    schema = facts.receipt(operation, table.num_rows).on(plain)
    return write_batches(out, schema, [table_of(told) for _, told in made]), first
