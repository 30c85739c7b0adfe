"""Runs a graph over any number of rows in whole blocks, so that shapes never vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from augment.runtime.graph import Runs

__all__ = ["run_in_blocks"]


def run_in_blocks(
    graph: Runs, inputs: Mapping[str, NDArray[Any]], *, block_rows: int
) -> dict[str, NDArray[Any]]:
    """Return the outputs for all rows of `inputs`, but for those that are said once for all rows.

    The last block is filled up by repeating its last row; what comes of these is cut off. One shape
    for all calls keeps onnxruntime's memory from growing and its arithmetic from changing with the
    number of rows asked for.
    """
    once = {info.name for info in graph.info.inputs if isinstance(info.shape[0], int)}
    by_row = {name: array for name, array in inputs.items() if name not in once}
    rows = len(next(iter(by_row.values())))
    parts = []
    for start in range(0, rows, block_rows):
        count = min(block_rows, rows - start)
        block = {name: _filled(array[start : start + count], block_rows) for name, array in by_row.items()}
        outputs = graph.run({name: inputs[name] for name in once} | block)
        parts.append({name: array[:count] for name, array in outputs.items()})
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _filled(array: NDArray[Any], block_rows: int) -> NDArray[Any]:
    """Return the array with its last row repeated until it has `block_rows` rows."""
    missing = block_rows - len(array)
    if not missing:
        return np.ascontiguousarray(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
