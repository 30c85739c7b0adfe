"""Replays recorded inputs and refuses a bundle whose graphs no longer answer as they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from augment.runtime.blocks import run_in_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from augment.bundle import GoldenCase
    from augment.runtime.graph import Graph

__all__ = ["replay"]

_RELATIVE, _ABSOLUTE = 1e-3, 1e-4
_EQUAL_SHARE = 0.99


def replay(graphs: Mapping[str, Graph], cases: Iterable[GoldenCase], *, block_rows: int) -> None:
    """Run all cases and compare.

    Machines differ in their last bits, so floats may differ by 1e-3 of their size or 1e-4. A hundredth of
    the numbers of a tensor may differ by more: draws so near a boundary that they fall on its other side,
    and quotients of two numbers near zero. So may one record of those that a graph draws: what is drawn
    after such a cell hears another token.

    Raises:
        BundleCorruptError: An output differs by more.
    """
    for case in cases:
        graph = graphs[case.graph]
        outputs = run_in_blocks(graph, case.inputs, sizes=(block_rows,))
        draws = any(expected.dtype == np.int32 for expected in case.outputs.values())
        for name, expected in case.outputs.items():
            if not _agree(outputs[name], expected, spare_rows=1 if draws else 0):
                worst = np.abs(outputs[name].astype(np.float64) - expected).max()
                raise graph.fault(f"output {name!r} differs from its golden rows by up to {worst:.6g}")


def _agree(found: NDArray[Any], expected: NDArray[Any], *, spare_rows: int) -> bool:
    """Say whether an output is what was recorded, but for so many rows."""
    if found.dtype == np.float32:
        close = np.isclose(found, expected, rtol=_RELATIVE, atol=_ABSOLUTE)
    else:
        close = found == expected
    different = np.count_nonzero(~close.reshape(len(close), -1).all(axis=1))
    return bool(np.mean(close) >= _EQUAL_SHARE or different <= spare_rows < len(close))
