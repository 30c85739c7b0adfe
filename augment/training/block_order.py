"""In which order very many training rows come: as `BatchOrder`, in little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BlockOrder"]

_BLOCK_ROWS = 32
_WINDOW_BLOCKS = 16_384


class BlockOrder:
    """Passes over the rows without end, each in a new random order, cut into batches of one size.

    A pass shuffles blocks of 32 neighbouring rows, takes 16,384 blocks at a time, and shuffles their 524,288
    rows: a quarter of a byte a row, where a permutation of rows takes eight bytes. Of the 130,816 pairs of
    rows in a batch of 512, about 8 are of one block. Rows that a window leaves over begin the next one.

    Args:
        rows: Training rows, at least `batch_size`.
        batch_size: Rows a batch.
        generator: The source of the order; on the device that the indexes shall be on.
        block_rows: Rows that stay together until a window is shuffled.
        window_blocks: Blocks a window.
    """

    def __init__(
        self,
        rows: int,
        batch_size: int,
        generator: torch.Generator,
        *,
        block_rows: int = _BLOCK_ROWS,
        window_blocks: int = _WINDOW_BLOCKS,
    ) -> None:
        self._rows = rows
        self._batch_size = batch_size
        self._generator = generator
        self._block_rows, self._window_blocks = block_rows, window_blocks
        self._blocks = self._left_over = self._pending = self._none()
        self._pass_from = self._window_from = generator.get_state()
        self._window = self._place = 0

    def following(self) -> Tensor:
        """Return the row numbers of the next batch: int64, (batch_size,)."""
        while len(self._pending) - self._place < self._batch_size:
            self._left_over = self._pending[self._place :].clone()
            self._place = 0
            self._window += 1
            if self._window * self._window_blocks >= len(self._blocks):
                self._pass_from, self._window = self._generator.get_state(), 0
                self._draw_pass()
            self._window_from = self._generator.get_state()
            self._draw_window()
        index = self._pending[self._place : self._place + self._batch_size]
        self._place += self._batch_size
        return index

    def state_dict(self) -> dict[str, Any]:
        """Return where the line stands."""
        return {
            "pass_from": self._pass_from,
            "window_from": self._window_from,
            "window": self._window,
            "left_over": self._left_over,
            "place": self._place,
            "begun": len(self._pending) > 0,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where another line stood; the generator keeps the state it has."""
        now = self._generator.get_state()
        self._pass_from, self._window_from = state["pass_from"], state["window_from"]
        self._window, self._place = state["window"], state["place"]
        self._left_over = state["left_over"].to(self._generator.device)
        if state["begun"]:
            self._generator.set_state(self._pass_from)
            self._draw_pass()
            self._generator.set_state(self._window_from)
            self._draw_window()
        self._generator.set_state(now)

    def _draw_pass(self) -> None:
        self._blocks = self._shuffled(-(-self._rows // self._block_rows))

    def _draw_window(self) -> None:
        begin = self._window * self._window_blocks
        starts = self._blocks[begin : begin + self._window_blocks] * self._block_rows
        inside = torch.arange(self._block_rows, device=starts.device)
        rows = (starts[:, None] + inside).flatten()
        rows = rows[rows < self._rows]  # the last block may be short
        self._pending = torch.cat([self._left_over, rows[self._shuffled(len(rows))]])

    def _shuffled(self, count: int) -> Tensor:
        return torch.randperm(count, generator=self._generator, device=self._generator.device)

    def _none(self) -> Tensor:
        return torch.empty(0, dtype=torch.int64, device=self._generator.device)
