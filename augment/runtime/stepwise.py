"""Records made column by column, with any cells given and any column restricted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.data import Encoded
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

__all__ = ["Cells", "Maker"]

_CANDIDATES = 8


@dataclass(frozen=True)
class Cells:
    """Cells of N records, some of them given.

    Attributes:
        tokens: int32, shape (N, C).
        residuals: float32, shape (N, C).
        given: float32, shape (N, C): 1 where the cell is given and stays, 0 where it is to be made.
    """

    tokens: NDArray[np.int32]
    residuals: NDArray[np.float32]
    given: NDArray[np.float32]


class Maker:
    """Makes the cells that are not given of whole blocks of records."""

    def __init__(self, engine: Engine, sampler: str) -> None:
        plan: Stepwise = engine.stepwise[sampler]
        self._graphs: Mapping[str, Runs] = engine.graphs
        self._sampler = sampler
        self._order = plan.order
        self._homes = {
            column: (group, place)
            for group, columns in enumerate(plan.groups)
            for place, column in enumerate(columns)
        }
        self._may_be_present = [size > 1 for size in engine.codec.layout.vocab_sizes]
        self.block_rows = engine.block_rows
        sizes = engine.codec.layout.vocab_sizes
        self._widths = [max(sizes[column] for column in columns) for columns in plan.groups]
        self._nothing: NDArray[np.float32] | None = None
        self._free = [Bounds.free((self.block_rows, width)) for width in self._widths]

    @property
    def columns(self) -> int:
        """C, the number of token columns."""
        return len(self._order)

    def block(self, wish: Wish, *, seed: int, block: int) -> Encoded:
        """Return the records of one block of the endless table of a seed and a wish."""
        shape = (self.block_rows, self.columns)
        pin_u = (
            noise("pin_u", shape, seed=seed, block=block, sampler=self._sampler)
            if wish.pins or wish.shares
            else np.zeros(shape, np.float32)
        )
        rows = np.arange(self.block_rows, dtype=np.int64) + block * self.block_rows
        return self.complete(Cells(*wish.known(rows, seed, pin_u)), wish, seed=seed, block=block)

    def complete(self, cells: Cells, wish: Wish, *, seed: int, block: int) -> Encoded:
        """Return a block's records: its given cells as they are, the others made.

        Columns that are restricted are made first, so that the others follow them. Where there are
        several, sets of them are drawn and weighed, because a draw of the first must not ignore
        whether the second is then likely.
        """
        uniforms = self._uniforms("", seed, block)
        made = _Draft(cells.tokens.copy(), cells.residuals.copy(), cells.given)
        first = tuple(column for column in self._order if column in wish.restrictions)
        rest = tuple(column for column in self._order if column not in wish.restrictions)
        if len(first) > 1:
            made, first = self._weighed(wish, cells, first, seed=seed, block=block), ()
        groups = (*((column,) for column in first), *_cut(rest, wish.steps))
        return self._made(made, groups, wish, uniforms)

    def likeliest(self, cells: Cells, wish: Wish) -> Encoded:
        """Return a block's records with the cells made that lie in the middle of their distributions."""
        middle = np.full((self.block_rows, self.columns), 0.5, np.float32)
        made = _Draft(cells.tokens.copy(), cells.residuals.copy(), cells.given)
        return self._made(made, _cut(self._order, wish.steps), wish, (middle, middle))

    def _made(
        self,
        made: _Draft,
        groups: Iterable[tuple[int, ...]],
        wish: Wish,
        uniforms: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> Encoded:
        """Make the columns group by group."""
        state = self._start(made)
        *before, last = groups
        for group in before:
            self._step(state, group, made, wish, uniforms)
            state = self._absorbed(state, group, made)
        self._step(state, last, made, wish, uniforms)
        return Encoded(made.tokens, made.residuals, np.zeros((self.block_rows, 0), np.float32))

    def _uniforms(
        self, prefix: str, seed: int, block: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a block's uniform numbers for tokens and residuals, (N, C) each."""
        shape = (self.block_rows, self.columns)
        token_u, residual_u = (
            noise(prefix + name, shape, seed=seed, block=block, sampler=self._sampler)
            for name in ("token_u", "residual_u")
        )
        return token_u, residual_u

    def _start(self, made: _Draft) -> NDArray[np.float32]:
        """Return the state that the given cells leave; where none is, always the same one."""
        if self._nothing is not None and not made.given.any():
            return self._nothing
        inputs = {"tokens": made.tokens, "residuals": made.residuals, "observed": made.given}
        state = self._run("start", inputs)["state"]
        if not made.given.any():
            self._nothing = state
        return state

    def _step(
        self,
        state: NDArray[np.float32],
        group: tuple[int, ...],
        made: _Draft,
        wish: Wish,
        uniforms: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """Draw some columns at once; returns the log mass of what was allowed."""
        log_mass = np.zeros(self.block_rows, np.float32)
        for column in made.open(group):
            drawn = self._draw(state, column, wish, [uniform[:, column] for uniform in uniforms])
            fresh = 1 - made.given[:, column]
            made.take(column, drawn, fresh)
            log_mass += drawn["log_mass"] * fresh
        return log_mass

    def _absorbed(
        self, state: NDArray[np.float32], group: tuple[int, ...], made: _Draft
    ) -> NDArray[np.float32]:
        """Return the state after the made cells of some columns."""
        for column in made.open(group):
            cells = {"tokens": made.tokens[:, column], "residuals": made.residuals[:, column]}
            inputs = {"state": state, "column": _one(column), "fresh": 1 - made.given[:, column]}
            state = self._run("absorb", inputs | cells)["next_state"]
        return state

    def _draw(
        self, state: NDArray[np.float32], column: int, wish: Wish, uniforms: list[NDArray[np.float32]]
    ) -> dict[str, NDArray[Any]]:
        hidden = self._run("hidden", {"state": state, "column": _one(column)})
        group, place = self._homes[column]
        restriction = wish.restrictions.get(column)
        if column in wish.bounds:
            bounds = wish.bounds[column].padded(self._widths[group])
        elif restriction is None and not (wish.present and self._may_be_present[column]):
            bounds = self._free[group]
        else:
            bounds = _bounds(restriction, (self.block_rows, self._widths[group]))
            if wish.present and self._may_be_present[column]:
                bounds.log_weights[:, 0] = NEVER
        token_u, residual_u = map(np.ascontiguousarray, uniforms)
        noise_in = {"place": _one(place), "token_u": token_u, "residual_u": residual_u}
        drawn = self._run(f"draw_{group}", hidden | bounds._asdict() | noise_in)
        if restriction is not None:
            drawn["residuals"] = restriction.settle(drawn["tokens"], drawn["residuals"])
        return drawn

    def _weighed(
        self, wish: Wish, cells: Cells, columns: tuple[int, ...], *, seed: int, block: int
    ) -> _Draft:
        """Return the cells with the restricted columns made: for each row one of 8 candidates.

        Sampling importance resampling (Rubin 1987): a candidate is drawn column by column inside the
        restrictions, and chosen with a probability proportional to the mass that its later columns had.
        """
        candidates, masses = [], []
        for number in range(_CANDIDATES):
            made = _Draft(cells.tokens.copy(), cells.residuals.copy(), cells.given)
            uniforms = self._uniforms(f"candidate_{number}_", seed, block)
            state, log_mass = self._start(made), np.zeros(self.block_rows, np.float32)
            for column in columns:
                log_mass += self._step(state, (column,), made, wish, uniforms)
                state = self._absorbed(state, (column,), made)
            candidates.append(made)
            masses.append(log_mass)
        choice_u = noise("choice_u", (self.block_rows,), seed=seed, block=block, sampler=self._sampler)
        chosen = _chosen(np.stack(masses), choice_u)
        rows = np.arange(self.block_rows)
        given = cells.given.copy()
        given[:, columns] = 1
        return _Draft(
            np.stack([made.tokens for made in candidates])[chosen, rows],
            np.stack([made.residuals for made in candidates])[chosen, rows],
            given,
        )

    def _run(self, part: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return self._graphs[f"{self._sampler}_{part}"].run(
            {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        )


@dataclass
class _Draft:
    """Records in the making; `given` cells are never written to."""

    tokens: NDArray[np.int32]
    residuals: NDArray[np.float32]
    given: NDArray[np.float32]

    def open(self, group: Iterable[int]) -> list[int]:
        """Return those of some columns that have a cell to be made."""
        return [column for column in group if not self.given[:, column].all()]

    def take(self, column: int, drawn: Mapping[str, NDArray[Any]], fresh: NDArray[np.float32]) -> None:
        """Write the drawn cells where they are to be made."""
        where = fresh > 0
        self.tokens[where, column] = drawn["tokens"][where]
        self.residuals[where, column] = drawn["residuals"][where]


def _chosen(log_mass: NDArray[np.float32], uniform: NDArray[np.float32]) -> NDArray[np.intp]:
    """Draw a candidate for each row: log masses (K, N) and uniforms (N,) to numbers (N,)."""
    mass = np.exp((log_mass - log_mass.max(axis=0)).astype(np.float64))
    ends = np.cumsum(mass, axis=0)
    chosen: NDArray[np.intp] = np.minimum((ends < uniform * ends[-1]).sum(axis=0), len(mass) - 1)
    return chosen


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


def _cut(columns: tuple[int, ...], steps: int) -> list[tuple[int, ...]]:
    """Cut columns into at most so many groups of about equal size, in order."""
    count = min(steps, len(columns))
    return [tuple(part.tolist()) for part in np.array_split(np.array(columns, int), count)] if count else []


def _one(number: int) -> NDArray[np.int32]:
    return np.array([number], np.int32)
