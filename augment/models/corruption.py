"""What is spoilt in the training records of a denoiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from augment.models.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.columns import ArraySpan
    from augment.models.elements import ElementLaw

__all__ = ["ArrayColumns", "Corruption", "CorruptionOptions", "corrupt"]

_FARTHEST = 4.0
_GAUSSIAN, _SALT = 0.6, 0.8


@dataclass(frozen=True)
class CorruptionOptions:
    """How much is spoilt.

    Attributes:
        max_swap_rate: In a doubted record each given cell is another record's with a probability drawn
            from U(0, `max_swap_rate`).
        noise_share: Share of the doubted arrays that are spoilt: 60 % of them by Gaussian noise, half of
            those cut off where the column's values end, 20 % by salt and pepper, 20 % by masking.
        max_noise: The noise's standard deviation is drawn from U(0, `max_noise`), in standard deviations
            of the array column.
        max_spoilt: Salt and pepper or masking hits each element with a probability drawn from
            U(0, `max_spoilt`).
    """

    max_swap_rate: float = 0.3
    noise_share: float = 0.9
    max_noise: float = 1.5
    max_spoilt: float = 0.5


@dataclass(frozen=True)
class ArrayColumns:
    """The arrays of records: where they lie, and which values their elements have (None without arrays)."""

    spans: tuple[ArraySpan, ...]
    law: ElementLaw | None


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
    arrays: ArrayColumns,
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
    spoilt, changed = _swap(batch, strangers, swapped, arrays.spans)
    spoilt, noised = _spoil_arrays(spoilt, doubt, arrays, options, generator)
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


def _spoil_arrays(
    batch: Batch,
    doubt: Tensor,
    arrays: ArrayColumns,
    options: CorruptionOptions,
    generator: torch.Generator,
) -> tuple[Batch, Tensor]:
    """Spoil some arrays of doubted records; returns them and 1 where one was spoilt."""
    spoilt = torch.zeros_like(batch.residuals)
    if arrays.law is None:
        return batch, spoilt
    elements, device = batch.arrays.clone(), batch.arrays.device
    for span in arrays.spans:
        uniform = torch.rand((len(batch), 4), generator=generator, device=device)
        chosen = (uniform[:, :1] < options.noise_share) & (doubt > 0)
        chosen &= batch.tokens[:, span.presence, None] == 1
        inside = slice(span.start, span.stop)
        ends = (arrays.law.low[inside].clamp(min=-_FARTHEST), arrays.law.high[inside].clamp(max=_FARTHEST))
        worse = _worse(elements[:, inside], uniform[:, 1:], ends, options, generator)
        worse = torch.where(chosen, worse, elements[:, inside])
        spoilt[:, span.presence] = (worse != elements[:, inside]).any(1).float()
        elements[:, inside] = worse
    return Batch(batch.tokens, batch.residuals, elements), spoilt


def _worse(
    clean: Tensor,
    uniform: Tensor,
    ends: tuple[Tensor, Tensor],
    options: CorruptionOptions,
    generator: torch.Generator,
) -> Tensor:
    """Return arrays (N, D) with noise, salt and pepper, or masks.

    Args:
        clean: The arrays.
        uniform: Decides which of them, how much, and whether noise is cut off: (N, 3).
        ends: The lowest and the highest value of each element.
        options: How much.
        generator: Draws the noise.
    """
    kind, much, cut = torch.split(uniform, 1, dim=1)
    low, high = ends
    noise = torch.randn(clean.shape, generator=generator, device=clean.device)
    noisy = clean + much * options.max_noise * noise
    noisy = torch.where(cut < 0.5, noisy.clamp(low, high), noisy)  # noqa: PLR2004 - half of them
    hit = torch.rand(clean.shape, generator=generator, device=clean.device) < much * options.max_spoilt
    peppered = torch.where(hit, torch.where(noise > 0, high, low), clean)
    masked = torch.where(hit, low, clean)
    return torch.where(kind < _GAUSSIAN, noisy, torch.where(kind < _SALT, peppered, masked))
