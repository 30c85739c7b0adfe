"""What is spoilt in the vectors that a denoising autoencoder is shown, cell by cell and pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.features import RecordFeatures

__all__ = ["Spoiling", "spoil"]


@dataclass(frozen=True)
class Spoiling:
    """How much is spoilt; nothing where all are 0. The loss is always against the clean record.

    Vincent et al., Stacked Denoising Autoencoders (2010), sections 3.3 and 4.

    Attributes:
        mask: Share of the cells and array elements set to 0.
        swap: Share that another record's take the place of (as in SCARF, Bahri et al. 2022).
        gaussian: Standard deviation of what is added to numbers and array elements, in those of the column.
        salt_and_pepper: Share of numbers and array elements set to the least or greatest of the batch.
    """

    mask: float = 0.0
    swap: float = 0.0
    gaussian: float = 0.0
    salt_and_pepper: float = 0.0

    @property
    def nothing(self) -> bool:
        """Whether records stay as they are."""
        return not (self.mask or self.swap or self.gaussian or self.salt_and_pepper)


def spoil(
    vectors: Tensor, features: RecordFeatures, spoiling: Spoiling, generator: torch.Generator
) -> Tensor:
    """Return spoilt vectors (N, width); a cell of several places is spoilt as one."""
    (rows, width), device = vectors.shape, vectors.device
    spoilt, cells = vectors, int(features.cells.max()) + 1

    def chosen(share: float) -> Tensor:
        drawn = torch.rand((rows, cells), generator=generator, device=device) < share
        return drawn.index_select(1, features.cells)

    if spoiling.swap:
        other = torch.randint(rows, (rows, cells), generator=generator, device=device)
        spoilt = torch.where(
            chosen(spoiling.swap), vectors.gather(0, other.index_select(1, features.cells)), spoilt
        )
    if spoiling.gaussian:
        noise = torch.randn((rows, width), generator=generator, device=device)
        spoilt = spoilt + spoiling.gaussian * noise * features.continuous
    if spoiling.salt_and_pepper:
        extremes = torch.stack([vectors.amin(0), vectors.amax(0)])
        side = torch.rand((rows, width), generator=generator, device=device).round().long()
        there = chosen(spoiling.salt_and_pepper) & (features.continuous > 0)
        spoilt = torch.where(there, extremes.gather(0, side), spoilt)
    if spoiling.mask:
        spoilt = spoilt * ~chosen(spoiling.mask)
    return spoilt
