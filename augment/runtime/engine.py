"""Codec and graphs together: records in, numbers through a graph, records out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from augment.data import Encoded
from augment.runtime.blocks import run_in_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from augment.bundle import Stepwise
    from augment.data import Codec
    from augment.runtime.graph import Runs
    from augment.runtime.stepwise import Maker

__all__ = ["Engine", "graph_inputs"]


@dataclass(frozen=True)
class Engine:
    """What every operation runs on.

    Attributes:
        codec: Records to tokens, residuals and arrays, and back.
        graphs: The loaded graphs by role.
        block_rows: Rows of one block of noise, and the most that a graph runs on.
        stepwise: The samplers that make records column by column.
        threads: How many blocks are made at once.
        parts: How many rows are whose, where those of several callers are run together; empty: all one's.
        smaller: On how many rows, in increasing order, graphs give what they give on a block.
        counts: On how many blocks at once, in increasing order, the graphs of `stepwise` give the same.
        makers: Those of samplers that were used: their tables are as large as what hundreds of streams hold.
    """

    codec: Codec
    graphs: Mapping[str, Runs]
    block_rows: int
    stepwise: Mapping[str, Stepwise] = field(default_factory=dict)
    threads: int = 1
    parts: tuple[int, ...] = ()
    smaller: tuple[int, ...] = ()
    counts: tuple[int, ...] = (1,)
    makers: dict[str, Maker] = field(init=False, default_factory=dict, repr=False, compare=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        """On how many rows graphs may run, in increasing order; the last is a whole block."""
        return (*self.smaller, self.block_rows)

    @property
    def makes_all_in_steps(self) -> bool:
        """Whether all of a record is made column by column: arrays are made after the others, at once."""
        return bool(self.stepwise) and not self.codec.layout.array_names

    def run(self, role: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return a graph's outputs for all rows of `inputs`."""
        threads = 1 if self.codec.layout.array_names else self.threads  # whose graphs use them within a block
        return run_in_blocks(self.graphs[role], inputs, sizes=self.sizes, parts=self.parts, threads=threads)

    def encoded(self, role: str, outputs: Mapping[str, NDArray[Any]], prefix: str = "") -> Encoded:
        """Return a graph's outputs, called `<prefix>tokens` and so on, as encoded records.

        Raises:
            BundleCorruptError: A token is outside its column's vocabulary. Nobody downstream checks
                again, and Arrow reads beyond its buffers for a category that is not there.
        """
        tokens = outputs[f"{prefix}tokens"]
        sizes = np.asarray(self.codec.layout.vocab_sizes)
        if tokens.size and ((tokens.min(axis=0) < 0) | (tokens.max(axis=0) >= sizes)).any():
            raise self.graphs[role].fault("gave a token outside its column's vocabulary")
        arrays = outputs.get(f"{prefix}arrays")
        if arrays is None:
            arrays = np.zeros((len(tokens), 0), np.float32)
        return Encoded(tokens, outputs[f"{prefix}residuals"], arrays)

    def records(self, encoded: Encoded, first_row: int | NDArray[np.uint64] = 0) -> pa.Table:
        """Return encoded records as a table in the result schema.

        Identifiers are made for rows `first_row` and after, or for the rows of these numbers.
        """
        batch = self.codec.decode(encoded, first_row=first_row)
        return pa.Table.from_batches([batch]).cast(self.codec.result_schema)


def graph_inputs(encoded: Encoded) -> dict[str, NDArray[Any]]:
    """Return encoded records as the inputs that graphs call `tokens`, `residuals` and `arrays`."""
    return {"tokens": encoded.tokens, "residuals": encoded.residuals, "arrays": encoded.arrays}
