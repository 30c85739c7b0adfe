"""One walk over a shard's rows: real and synthetic ones as one table, piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from augment_client.torch.encoding import SYNTHETIC
from augment_client.torch.plain import conform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from augment_client.torch.ahead import Ahead
    from augment_client.torch.mixture import Order

__all__ = ["mixed", "split"]


def mixed(order: Order, real: pa.Table, ahead: Ahead, start: int, stop: int) -> pa.RecordBatch:
    """Return the rows of an epoch from position `start` to before `stop`, with the column `_synthetic`.

    Args:
        order: The epoch's.
        real: All real rows, in the types to mix in.
        ahead: The synthetic rows, taken from where the last call ended.
        start: The first position.
        stop: The position after the last.
    """
    piece = order.piece(start, stop)
    made = conform(ahead.take(len(piece.synthetic)), real.schema, "synthetic")
    both = pa.concat_tables([real.take(piece.real), made])
    rows = both.take(_places(piece.is_synthetic)).append_column(SYNTHETIC, [piece.is_synthetic])
    (batch,) = rows.combine_chunks().to_batches()
    return batch


def _places(is_synthetic: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return where each row is found when all real ones come first.

    >>> _places(np.array([False, True, False]))
    array([0, 2, 1])
    """
    real = np.cumsum(~is_synthetic)
    return np.where(is_synthetic, real[-1] + np.cumsum(is_synthetic), real) - 1


def split(made: Any, rows: int) -> Iterator[Any]:
    """Yield one row after the other of tensors in a dict or tuple, or of whatever else takes an index."""
    for row in range(rows):
        yield _one(made, row)


def _one(made: Any, row: int) -> Any:
    if isinstance(made, dict):
        return _of_mapping(made, row)
    return tuple(each[row] for each in made) if isinstance(made, tuple) else made[row]


def _of_mapping(made: Mapping[str, Any], row: int) -> dict[str, Any]:
    return {name: each[row] for name, each in made.items()}
