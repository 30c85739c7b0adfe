"""Records made from the encoding tables alone: each column by its own frequencies, none minding another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from augment.models.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout

__all__ = ["Marginals"]


class Marginals:
    """Strangers to every record: what stands for other records where no other may be looked at."""

    def __init__(self, layout: Layout) -> None:
        self._frequencies = layout.frequencies
        self._array_width = layout.array_width

    def draw(self, rows: int, generator: torch.Generator, device: torch.device) -> Batch:
        """Return records: tokens by frequency, residuals uniform, array elements standard normal."""
        shape = (rows, len(self._frequencies))
        token_u, residuals = (torch.rand(shape, generator=generator, device=device) for _ in range(2))
        columns = [self._tokens(column, token_u[:, column]) for column in range(shape[1])]
        arrays = torch.randn((rows, self._array_width), generator=generator, device=device)
        return Batch(torch.stack(columns, 1), residuals, arrays)

    def _tokens(self, column: int, uniform: Tensor) -> Tensor:
        ends = np.cumsum(self._frequencies[column].astype(np.float64))[:-1]
        below = uniform.unsqueeze(1) > torch.from_numpy(ends.astype(np.float32)).to(uniform.device)
        return below.sum(1, dtype=torch.int32)
