"""What is spoilt in the training records of a denoiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from augment.models.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.columns import ArraySpan

__all__ = ["Corruption", "CorruptionOptions", "corrupt"]


@dataclass(frozen=True)
class CorruptionOptions:
    """How much is spoilt.

    Attributes:
        max_swap_rate: In a doubted record each given cell is another record's with a probability drawn
            from U(0, `max_swap_rate`).
        noise_share: Share of the doubted arrays that get Gaussian noise.
        max_noise: Its standard deviation is drawn from U(0, `max_noise`), in standard deviations of the
            array column.
    """

    max_swap_rate: float = 0.3
    noise_share: float = 0.5
    max_noise: float = 1.0


@dataclass(frozen=True)
class Corruption:
    """Spoilt records, and what was done to them.

    Attributes:
        batch: The spoilt records.
        intact: 1 where a cell still says what it said: float32, (N, C).
    """

    batch: Batch
    intact: Tensor


def corrupt(
    batch: Batch,
    doubt: Tensor,
    spans: tuple[ArraySpan, ...],
    options: CorruptionOptions,
    generator: torch.Generator,
    *,
    strangers: Batch | None = None,
) -> Corruption:
    """Spoil some cells of the records whose `doubt` (N, 1) is 1.

    Wrong cells are those of `strangers`, N other records; None: of records of the batch.
    """
    rows, columns, device = *batch.tokens.shape, batch.tokens.device
    rate = doubt * torch.rand((rows, 1), generator=generator, device=device) * options.max_swap_rate
    swapped = torch.rand((rows, columns), generator=generator, device=device) < rate
    if strangers is None:
        strangers = batch.rows(torch.randint(rows, (rows,), generator=generator, device=device))
    spoilt, changed = _swap(batch, strangers, swapped, spans)
    spoilt, noised = _add_noise(spoilt, doubt, spans, options, generator)
    return Corruption(spoilt, 1 - torch.maximum(changed, noised))


def _swap(batch: Batch, other: Batch, swapped: Tensor, spans: tuple[ArraySpan, ...]) -> tuple[Batch, Tensor]:
    """Take the `swapped` cells from `other`; returns the records and 1 where a cell now differs."""
    tokens = torch.where(swapped, other.tokens, batch.tokens)
    residuals = torch.where(swapped, other.residuals, batch.residuals)
    differs = tokens != batch.tokens
    arrays = batch.arrays.clone()
    for span in spans:
        rows, inside = swapped[:, span.presence, None], slice(span.start, span.stop)
        arrays[:, inside] = torch.where(rows, other.arrays[:, inside], batch.arrays[:, inside])
        moved = (arrays[:, inside] != batch.arrays[:, inside]).any(1)
        differs[:, span.presence] |= moved
    return Batch(tokens, residuals, arrays), differs.float()


def _add_noise(
    batch: Batch,
    doubt: Tensor,
    spans: tuple[ArraySpan, ...],
    options: CorruptionOptions,
    generator: torch.Generator,
) -> tuple[Batch, Tensor]:
    """Add Gaussian noise to some arrays of doubted records; returns them and 1 where it was added."""
    noised = torch.zeros_like(batch.residuals)
    arrays = batch.arrays.clone()
    for span in spans:
        uniform = torch.rand((len(batch), 2), generator=generator, device=arrays.device)
        chosen = (uniform[:, :1] < options.noise_share) & (doubt > 0)
        chosen &= batch.tokens[:, span.presence, None] == 1
        width = span.stop - span.start
        noise = torch.randn((len(batch), width), generator=generator, device=arrays.device)
        arrays[:, span.start : span.stop] += chosen * uniform[:, 1:] * options.max_noise * noise
        noised[:, span.presence] = chosen[:, 0].float()
    return Batch(batch.tokens, batch.residuals, arrays), noised
