"""Paths between latent vectors."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Method", "path"]

_NEARLY_STRAIGHT = 1e-6


class Method(StrEnum):
    """The shape of a path."""

    AUTO = "auto"
    """Guided where the model can, else linear."""
    GUIDED = "guided"
    """Made column by column, near the way between the records and plausible as a whole."""
    LINEAR = "linear"
    """Straight through the latent space, at one speed."""
    SLERP = "slerp"
    """Along the great circle (Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985)."""


def path(
    start: NDArray[np.float32], end: NDArray[np.float32], *, steps: int, method: Method
) -> NDArray[np.float32]:
    """Return `steps` points from each start to its end, both included to the bit.

    Shape: `start` and `end` (pairs, width); the result (pairs, steps, width). Computed in float64.
    """
    way = np.linspace(0.0, 1.0, steps)[None, :, None]
    low, high = start.astype(np.float64)[:, None, :], end.astype(np.float64)[:, None, :]
    from_start, from_end = (1.0 - way, way) if method is Method.LINEAR else _great_circle(low, high, way)
    points = (from_start * low + from_end * high).astype(np.float32)
    points[:, 0], points[:, -1] = start, end
    return points


def _great_circle(
    low: NDArray[np.float64], high: NDArray[np.float64], way: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights of start and end: sin((1 - t) a) / sin(a) and sin(t a) / sin(a), a the angle.

    Where the vectors point the same or opposite ways, or one is zero, the circle is none: straight.
    """
    norms = np.linalg.norm(low, axis=2, keepdims=True) * np.linalg.norm(high, axis=2, keepdims=True)
    dots = (low * high).sum(axis=2, keepdims=True)
    cosine = np.clip(np.divide(dots, norms, out=np.ones_like(dots), where=norms > 0), -1.0, 1.0)
    angle = np.arccos(cosine)
    sine = np.sin(angle)
    curved = sine > _NEARLY_STRAIGHT
    safe = np.where(curved, sine, 1.0)
    from_start = np.where(curved, np.sin((1.0 - way) * angle) / safe, 1.0 - way)
    from_end = np.where(curved, np.sin(way * angle) / safe, way)
    return from_start, from_end
