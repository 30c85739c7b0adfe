"""What a model gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from augment.data import Unseen

__all__ = ["Denoised", "Latents", "Records", "Scores"]


@dataclass(frozen=True)
class Records:
    """Records made from records.

    Attributes:
        records: In the model's result schema.
        unseen: Values of the input that the model never saw and read as missing.
    """

    records: pa.Table
    unseen: tuple[Unseen, ...]


@dataclass(frozen=True)
class Denoised:
    """Repaired records.

    Attributes:
        records: In the model's result schema; cells that were not changed are the input's own bits.
        changed: Booleans, same columns and rows: whether the cell was imputed or repaired.
        confidence: float32 in [0, 1], same columns and rows: the probability that the cell is right.
            Array cells: one minus the mean square of the change, in units of the training variance.
            Identifiers, and arrays that were imputed: 1 where given, 0 where made.
        unseen: Values of the input that the model never saw and read as missing.
    """

    records: pa.Table
    changed: pa.Table
    confidence: pa.Table
    unseen: tuple[Unseen, ...]


@dataclass(frozen=True)
class Latents:
    """Latent vectors of records.

    Attributes:
        latent: float32 columns `latent_0`, `latent_1`, ...: posterior means.
        unseen: Values of the input that the model never saw and read as missing.
    """

    latent: pa.Table
    unseen: tuple[Unseen, ...]


@dataclass(frozen=True)
class Scores:
    """How unusual records are.

    Attributes:
        scores: One float32 column `score`: the negative evidence lower bound in nats.
        unseen: Values of the input that the model never saw and read as missing.
    """

    scores: pa.Table
    unseen: tuple[Unseen, ...]
