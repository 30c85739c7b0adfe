"""Rows of arrays as one picture, to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["save_strips"]

_HEIGHT, _SCALE, _SERIES = 48, 2, 2


def save_strips(path: Path, strips: Sequence[NDArray[np.float32]]) -> None:
    """Save lists of images or series, a list a row."""
    low, high = float(np.min(strips[0])), float(np.max(strips[0]))
    lines = [np.concatenate([_drawn(one, low, high) for one in strip], axis=1) for strip in strips]
    width = max(line.shape[1] for line in lines)
    padded = [np.pad(line, ((0, 2), (0, width - line.shape[1])), constant_values=96) for line in lines]
    picture = Image.fromarray(np.concatenate(padded))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((_SCALE * picture.width, _SCALE * picture.height), Image.Resampling.NEAREST).save(path)


def _drawn(array: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Return an image as it is, a series as a curve in every second column."""
    share = np.clip((array - low) / (high - low), 0, 1)
    if share.ndim == _SERIES:
        return np.asarray((255 * share).astype(np.uint8))
    thin = share[:: max(1, len(share) // 56)]
    picture = np.zeros((_HEIGHT, len(thin)), np.uint8)
    picture[((1 - thin) * (_HEIGHT - 1)).astype(int), np.arange(len(thin))] = 255
    return picture
