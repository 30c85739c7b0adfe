"""What an actor of Ray does: holds one model, and makes tables of blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ray

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from augment.scale.applying import Applying
    from augment.scale.delivery import Delivery
    from augment.scale.generating import Generating

__all__ = ["Actor"]


class Actor:
    """Does one task with blocks; a receipt stands in the metadata of every table.

    Args:
        delivery: A reference to the `Delivery`, in the object store: each machine fetches it once.
        task: What is to be done.
    """

    def __init__(self, delivery: ray.ObjectRef, task: Applying | Generating) -> None:
        found: Delivery = ray.get(delivery)
        self._model = found.model()
        self._task = task
        self._receipt = task.receipt(self._model)

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """Yield what is made of a block."""
        for table in self._task.tables(self._model, block):
            yield table.replace_schema_metadata(self._receipt.on(table.schema).metadata)
