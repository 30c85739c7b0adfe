"""How well noise is taken out of images, beside non-local means; PSNR in decibels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from arrays.sets import numbers
from augment.data import conform
from augment.runtime.denoising import denoised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.runtime.engine import Engine

    Arrays = NDArray[np.float32]

__all__ = ["psnr", "restored_figures"]

_ROWS, _NOISE, _SPOILT = 500, 0.3, 0.3
_IMAGE = 3


def psnr(clean: Arrays, found: Arrays) -> float:
    """Return the peak signal-to-noise ratio of all arrays together; the peak is the clean ones' range."""
    peak = float(clean.max() - clean.min())
    return float(10 * np.log10(peak**2 / np.square(clean - found).mean()))


def restored_figures(engine: Engine, table: pa.Table) -> tuple[dict[str, Any], list[Arrays]]:
    """Return PSNR by kind of noise before and after, and some arrays: clean, noisy, restored."""
    table = table.slice(0, _ROWS)
    clean, _ = numbers(table)
    figures, seen = {}, [clean[:20]]
    for kind, spoilt in _spoilt(clean).items():
        noisy = _with(table, spoilt)
        worse, _ = numbers(noisy)
        found = denoised(
            engine,
            conform(noisy, engine.codec.schema),
            threshold=0.5,
            mean=True,
            absent=frozenset(),
            first_row=0,
        )
        restored, _ = numbers(found.records)
        figures[kind] = {"noisy": psnr(clean, worse), "augment": psnr(clean, restored)}
        if clean.ndim == _IMAGE:
            figures[kind]["non-local means"] = psnr(clean, _non_local_means(worse))
        seen += [worse[:20], restored[:20]]
    return figures, seen


def _spoilt(clean: Arrays) -> dict[str, Arrays]:
    random = np.random.default_rng(0)
    low, high = float(clean.min()), float(clean.max())
    noise = clean + random.normal(0, _NOISE * (high - low), clean.shape)
    hit, up = random.random(clean.shape) < _SPOILT, random.random(clean.shape) < 0.5  # noqa: PLR2004 - half
    return {
        "Gaussian 0.3": noise.astype(np.float32),
        "salt and pepper 30 %": np.where(hit, np.where(up, high, low), clean).astype(np.float32),
        "masking 30 %": np.where(hit, low, clean).astype(np.float32),
    }


def _with(table: pa.Table, arrays: Arrays) -> pa.Table:
    """Return the records with other arrays, in the type of their own: bytes are cut off at 0 and 255."""
    kind = table.schema.field("array").type.value_type
    if pa.types.is_uint8(kind):
        arrays = np.clip(np.rint(arrays * 255), 0, 255).astype(np.uint8)
    column = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(arrays))
    return table.set_column(table.schema.get_field_index("array"), "array", column)


def _non_local_means(noisy: Arrays) -> Arrays:
    """Return scikit-image's, with the patches and strength that its documentation advises for known noise."""
    from skimage.restoration import denoise_nl_means  # noqa: PLC0415 - of the benchmark alone

    found = [
        denoise_nl_means(one, patch_size=5, patch_distance=6, h=0.8 * _NOISE, sigma=_NOISE, fast_mode=False)
        for one in noisy
    ]
    return np.stack(found).astype(np.float32)
