"""What an actor of Ray does: holds one model, and makes tables of blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ray

from augment.scale.applying import applied
from augment.scale.shipping import model_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from augment.scale.applying import Operation
    from augment.scale.generating import Generation
    from augment.scale.shipping import Source
    from augment_proto.receipt import Receipt

__all__ = ["Applying", "Generating"]


class Generating:
    """Makes the parts whose numbers it is given.

    Args:
        source: A reference to where the bundle comes from, in the object store.
        generation: What is asked for.
        receipt: Stands in the metadata of every table.
        threads: Of the arithmetic.
    """

    def __init__(self, source: ray.ObjectRef, generation: Generation, receipt: Receipt, threads: int) -> None:
        self._model = model_from(_fetched(source), threads)
        self._generation = generation
        self._receipt = receipt

    def __call__(self, parts: pa.Table) -> Iterator[pa.Table]:
        """Yield the rows of parts; their numbers go from `first` to before `stop`."""
        for span in parts.to_pylist():
            for part in range(span["first"], span["stop"]):
                for table in self._generation.tables(self._model, part):
                    yield _marked(table, self._receipt)


class Applying:
    """Applies an operation to blocks.

    Args:
        source: A reference to where the bundle comes from, in the object store.
        operation: What is asked for.
        row_column: The column of row numbers, if the blocks have it.
        receipt: Stands in the metadata of every table.
        threads: Of the arithmetic.
    """

    def __init__(
        self,
        source: ray.ObjectRef,
        operation: Operation,
        row_column: str | None,
        receipt: Receipt,
        threads: int,
    ) -> None:
        self._model = model_from(_fetched(source), threads)
        self._operation = operation
        self._row_column = row_column
        self._receipt = receipt

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """Yield what is made of a block's rows."""
        for table in applied(self._model, self._operation, block, self._row_column):
            yield _marked(table, self._receipt)


def _fetched(source: ray.ObjectRef) -> Source:
    """Return what is in the object store: each machine fetches it once."""
    found: Source = ray.get(source)
    return found


def _marked(table: pa.Table, receipt: Receipt) -> pa.Table:
    return table.replace_schema_metadata(receipt.on(table.schema).metadata)
