"""The graphs of a sampler that makes records column by column, and what they do to a block of records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment.runtime.bounds import NEVER, Bounds
from augment.runtime.noise import noise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from augment.bundle import Stepwise
    from augment.data.restrictions import Restriction
    from augment.runtime.engine import Engine
    from augment.runtime.graph import Runs
    from augment.runtime.wish import Wish

__all__ = ["Chain", "Draft", "Place"]

Uniforms = tuple["NDArray[np.float32]", "NDArray[np.float32]"]
"""Numbers in (0, 1) that tokens and residuals are drawn by, (N, C) each."""


@dataclass
class Draft:
    """Records in the making; `given` cells are never written to.

    Attributes:
        tokens: int32, shape (N, C).
        residuals: float32, shape (N, C).
        given: float32, shape (N, C): 1 where the cell is given, 0 where it is to be made.
    """

    tokens: NDArray[np.int32]
    residuals: NDArray[np.float32]
    given: NDArray[np.float32]

    def open(self, group: Iterable[int]) -> list[int]:
        """Return those of some columns that have a cell to be made."""
        return [column for column in group if not self.given[:, column].all()]

    def take(self, column: int, drawn: Mapping[str, NDArray[Any]]) -> None:
        """Write the drawn cells where they are to be made."""
        where = self.given[:, column] < 1
        np.copyto(self.tokens[:, column], drawn["tokens"], where=where)
        np.copyto(self.residuals[:, column], drawn["residuals"], where=where)


class Place(NamedTuple):
    """Where rows lie in the endless table of a seed: in a block, from one of its rows on."""

    seed: int
    block: int
    start: int = 0


class Chain:
    """What the given cells say is a state; a column is drawn from it, and then taken into it.

    For any number of threads: what it keeps never changes.

    Attributes:
        order: The token columns in the order of generation.
        rows: N, of which there are as many as a graph may run on: part of a block, or several blocks.
    """

    def __init__(self, engine: Engine, sampler: str, rows: int) -> None:
        plan: Stepwise = engine.stepwise[sampler]
        self._graphs: Mapping[str, Runs] = engine.graphs
        self._sampler = sampler
        self.order = plan.order
        self._homes = {
            column: (group, place)
            for group, columns in enumerate(plan.groups)
            for place, column in enumerate(columns)
        }
        sizes = engine.codec.layout.vocab_sizes
        self._may_be_present = [size > 1 for size in sizes]
        self.rows = rows
        self._block_rows = engine.block_rows
        self._widths = [max(sizes[column] for column in columns) for columns in plan.groups]
        self._nothing: NDArray[np.float32] | None = None
        self._free = [Bounds.shared((rows, width)) for width in self._widths]

    def noise(self, name: str, place: Place) -> NDArray[np.float32]:
        """Return the uniform numbers of a name at a place: (N, C)."""
        shape, sampler = (self._block_rows, len(self.order)), self._sampler
        blocks = range(place.block, place.block + -(-(place.start + self.rows) // self._block_rows))
        whole = [noise(name, shape, seed=place.seed, block=block, sampler=sampler) for block in blocks]
        joined = whole[0] if len(whole) == 1 else np.concatenate(whole)
        return joined[place.start : place.start + self.rows]

    def uniforms(self, prefix: str, place: Place) -> Uniforms:
        """Return uniform numbers for tokens and residuals."""
        return self.noise(f"{prefix}token_u", place), self.noise(f"{prefix}residual_u", place)

    def start(self, made: Draft) -> NDArray[np.float32]:
        """Return the state that the given cells leave; where none is, always the same one."""
        if self._nothing is not None and not made.given.any():
            return self._nothing
        inputs = {"tokens": made.tokens, "residuals": made.residuals, "observed": made.given}
        if made.given.any():
            return self._run("start", inputs)["state"]
        blocks = max(1, self.rows // self._block_rows)  # which are all alike
        first = {name: array[: self.rows // blocks] for name, array in inputs.items()}
        self._nothing = np.tile(self._run("start", first)["state"], (blocks, 1))
        return self._nothing

    def hidden(self, state: NDArray[np.float32], column: int) -> NDArray[np.float32]:
        """Return the hidden state that a column's distribution comes from."""
        return self._run("hidden", {"state": state, "column": _one(column)})["hidden"]

    def draw(
        self, hidden: NDArray[np.float32], column: int, made: Draft, wish: Wish, uniforms: Uniforms
    ) -> NDArray[np.float32]:
        """Make the open cells of a column; returns the log probability (N,) of all that was allowed."""
        group, place = self._homes[column]
        restriction = wish.restrictions.get(column)
        if column in wish.bounds:
            bounds = wish.bounds[column].padded(self._widths[group])
        elif restriction is None and not (wish.present and self._may_be_present[column]):
            bounds = self._free[group]
        else:
            bounds = _bounds(restriction, (self.rows, self._widths[group]))
            if wish.present and self._may_be_present[column]:
                bounds.log_weights[:, 0] = NEVER
        token_u, residual_u = (uniform[:, column] for uniform in uniforms)
        noise_in = {"place": _one(place), "token_u": token_u, "residual_u": residual_u}
        drawn = self._run(f"draw_{group}", {"hidden": hidden} | bounds._asdict() | noise_in)
        if restriction is not None:
            drawn["residuals"] = restriction.settle(drawn["tokens"], drawn["residuals"])
        made.take(column, drawn)
        log_mass: NDArray[np.float32] = drawn["log_mass"]
        return log_mass

    def log_probability(
        self, hidden: NDArray[np.float32], column: int, tokens: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Return the log probability of tokens of a column: (N,) to (N,)."""
        group, place = self._homes[column]
        log_weights = np.full((self.rows, self._widths[group]), NEVER, np.float32)
        log_weights[np.arange(self.rows), tokens] = 0
        only_these = self._free[group]._replace(log_weights=log_weights)
        middle = np.full(self.rows, 0.5, np.float32)
        noise_in = {"place": _one(place), "token_u": middle, "residual_u": middle}
        inputs = {"hidden": hidden} | only_these._asdict() | noise_in
        log_mass: NDArray[np.float32] = self._run(f"draw_{group}", inputs)["log_mass"]
        return log_mass

    def absorbed(self, state: NDArray[np.float32], column: int, made: Draft) -> NDArray[np.float32]:
        """Return the state after the made cells of a column."""
        cells = {"tokens": made.tokens[:, column], "residuals": made.residuals[:, column]}
        inputs = {"state": state, "column": _one(column), "fresh": 1 - made.given[:, column]}
        return self._run("absorb", inputs | cells)["next_state"]

    def _run(self, part: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return self._graphs[f"{self._sampler}_{part}"].run(
            {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        )


def _bounds(restriction: Restriction | None, shape: tuple[int, int]) -> Bounds:
    """Return what a restriction leaves of a column's tokens, the same for all rows."""
    bounds = Bounds.free(shape)
    if restriction is None:
        return bounds
    weights = restriction.weights
    bounds.log_weights[:] = NEVER
    allowed = np.flatnonzero(weights > 0)
    bounds.log_weights[:, allowed] = np.log(weights[allowed])
    for token in allowed:
        if len(restriction.intervals[token]) == 1:
            bounds.low[:, token], bounds.high[:, token] = restriction.intervals[token][0]
    return bounds


def _one(number: int) -> NDArray[np.int32]:
    return np.array([number], np.int32)
