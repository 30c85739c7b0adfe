"""The arrays of records whose table cells have been made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.data import Encoded
from augment.runtime.noise import block_noise

if TYPE_CHECKING:
    from augment.runtime.chain import Place
    from augment.runtime.engine import Engine

__all__ = ["completed"]

_ROLE = "complete"
_CELLS = ("tokens", "residuals")


def completed(engine: Engine, sampler: str, made: Encoded, place: Place) -> Encoded:
    """Return records with arrays that go with their table cells, where records have any.

    The noise has the block's address, so that row i of a seed and a wish has the same array however it is
    asked for.
    """
    if not engine.codec.layout.array_names:
        return made
    graph = engine.graphs[_ROLE]
    wanted = [info for info in graph.info.inputs if info.name not in _CELLS]
    noise = block_noise(
        wanted, engine.block_rows, seed=place.seed, block=place.block, sampler=f"{sampler} {_ROLE}"
    )
    span = slice(place.start, place.start + len(made.tokens))
    cells = {"tokens": made.tokens, "residuals": made.residuals}
    arrays = graph.run(cells | {name: array[span] for name, array in noise.items()})["arrays"]
    return Encoded(made.tokens, made.residuals, arrays)
