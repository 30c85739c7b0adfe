"""Noise with an address: every number a graph is fed is a function of (seed, block, sampler, input).

The generator is Philox 4x64-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011),
whose stream numpy keeps stable; the way from its raw bits to numbers is written out here, so that no
numpy version can change it. See docs/decisions/0002-row-addresses.md.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from augment.runtime.exact_math import logarithm, sine_and_cosine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from augment.bundle import TensorInfo

__all__ = ["NORMAL_SUFFIX", "UNIFORM_SUFFIX", "block_noise", "noise", "normals", "uniforms"]

UNIFORM_SUFFIX = "_u"
NORMAL_SUFFIX = "_normal"


def noise(name: str, shape: Sequence[int], *, seed: int, block: int, sampler: str) -> NDArray[np.float32]:
    """Return the noise that one block feeds to the graph input `name`.

    Inputs called `..._u` are uniform in (0, 1), inputs called `..._normal` standard normal.

    Raises:
        ValueError: The name says neither.
    """
    count = math.prod(shape)
    generator = np.random.Philox(key=_words(seed, block), counter=_words(0, 0, _hash(name), _hash(sampler)))
    if name.endswith(UNIFORM_SUFFIX):
        flat = uniforms(generator.random_raw((count + 1) // 2))
    elif name.endswith(NORMAL_SUFFIX):
        flat = normals(generator.random_raw(2 * ((count + 1) // 2)))
    else:
        raise ValueError(
            f"a noise input's name must end in {UNIFORM_SUFFIX} or {NORMAL_SUFFIX}, got {name!r}"
        )
    return flat[:count].reshape(shape)


def block_noise(
    inputs: Iterable[TensorInfo], rows: int, *, seed: int, block: int, sampler: str
) -> dict[str, NDArray[np.float32]]:
    """Return the noise that one block of so many rows feeds to a graph's inputs, by their names."""
    return {
        info.name: noise(
            info.name,
            [rows if isinstance(side, str) else side for side in info.shape],
            seed=seed,
            block=block,
            sampler=sampler,
        )
        for info in inputs
    }


def uniforms(raw: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Return two float32 for each raw word, the low half's first, uniform in the open interval (0, 1).

    A half's upper 23 bits k become (k + 1/2) / 2^23: exact in float32, at least 2^-24, at most 1 - 2^-24.
    """
    halves = np.ascontiguousarray(raw, dtype="<u8").view("<u4")
    return ((halves >> np.uint32(9)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)


def normals(raw: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Return as many float32 as raw words, standard normal; the number of words is even.

    Box and Muller (1958) in float64, with functions that round alike on every machine: words 2i and
    2i + 1 become r cos(a) and r sin(a), where r = sqrt(-2 ln u), a = 2 pi v, and u, v are
    (k + 1/2) / 2^52 of each word's upper 52 bits k.
    Smallest r is 1.5e-8, largest 8.6.
    """
    unit = ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    radius = np.sqrt(-2.0 * logarithm(np.ascontiguousarray(unit[0::2])))
    sine, cosine = sine_and_cosine(unit[1::2])
    pairs = np.empty(len(raw), np.float32)
    pairs[0::2], pairs[1::2] = radius * cosine, radius * sine
    return pairs


def _words(*values: int) -> NDArray[np.uint64]:
    """Return unsigned 64-bit words, for a key or a counter."""
    return np.array(values, dtype=np.uint64)


def _hash(text: str) -> int:
    """Return the first 8 bytes of the text's sha256, little-endian: the same on every machine, for good."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "little")
