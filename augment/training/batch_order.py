"""In which order training rows come: an endless line of batches that can be left and found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BatchOrder"]


class BatchOrder:
    """Passes over the rows without end, each in a new random order, cut into batches of one size.

    The rows that a pass leaves over begin the next one. What a checkpoint holds is small: the generator's
    state before the pass's permutation was drawn, and not the permutation, which can be drawn again.

    Args:
        rows: Training rows, at least `batch_size`.
        batch_size: Rows a batch.
        generator: The source of the permutations; on the device that the indexes shall be on.
    """

    def __init__(self, rows: int, batch_size: int, generator: torch.Generator) -> None:
        self._rows = rows
        self._batch_size = batch_size
        self._generator = generator
        self._drawn_from = generator.get_state()
        self._left_over = torch.empty(0, dtype=torch.int64, device=generator.device)
        self._pending = self._left_over
        self._place = 0

    def following(self) -> Tensor:
        """Return the row numbers of the next batch: int64, (batch_size,)."""
        if len(self._pending) - self._place < self._batch_size:
            self._left_over = self._pending[self._place :].clone()
            self._drawn_from = self._generator.get_state()
            self._draw()
            self._place = 0
        index = self._pending[self._place : self._place + self._batch_size]
        self._place += self._batch_size
        return index

    def state_dict(self) -> dict[str, Any]:
        """Return where the line stands."""
        return {
            "drawn_from": self._drawn_from,
            "left_over": self._left_over,
            "place": self._place,
            "begun": len(self._pending) > 0,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where another line stood; the generator keeps the state it has."""
        now = self._generator.get_state()
        self._drawn_from, self._place = state["drawn_from"], state["place"]
        self._left_over = state["left_over"].to(self._generator.device)
        if state["begun"]:
            self._generator.set_state(self._drawn_from)
            self._draw()
        self._generator.set_state(now)

    def _draw(self) -> None:
        order = torch.randperm(self._rows, generator=self._generator, device=self._generator.device)
        self._pending = torch.cat([self._left_over, order])
