"""Logarithm, sine and cosine in float64 by additions, multiplications, divisions and square roots alone.

IEEE 754 fixes the result of these to the last bit, so that noise made here is the same on every machine
and with every version of numpy. numpy's own functions choose their algorithm by the processor.
Relative error below 1e-11: far finer than the float32 that noise is rounded to.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["logarithm", "sine_and_cosine"]

_MANTISSA_BITS = np.uint64(52)
_MANTISSA = np.uint64(2**52 - 1)
_ONE = np.uint64(1023 << 52)
_LN_2 = 0.6931471805599453
_SQRT_2 = 1.4142135623730951
_HALF_PI = 1.5707963267948966

_ATANH = [1 / (2 * k + 1) for k in range(8)]
_SINE = [(-1) ** k / math.factorial(2 * k + 1) for k in range(7)]
_COSINE = [(-1) ** k / math.factorial(2 * k) for k in range(7)]


def logarithm(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural logarithm of positive, normal numbers.

    x = 2^e m with m in [sqrt(1/2), sqrt(2)), and ln m = 2 atanh((m - 1) / (m + 1)) by its series.
    """
    bits = numbers.view(np.uint64)
    exponent = (bits >> _MANTISSA_BITS).astype(np.float64) - 1023.0
    mantissa = ((bits & _MANTISSA) | _ONE).view(np.float64)
    high = mantissa >= _SQRT_2
    mantissa = np.where(high, mantissa * 0.5, mantissa)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    return (exponent + high) * _LN_2 + 2.0 * ratio * _polynomial(_ATANH, ratio * ratio)


def sine_and_cosine(turns: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sine and cosine of `2 pi turns`, for turns in [0, 1].

    The nearest quarter turn is split off exactly; the rest, at most an eighth, goes through the series.
    """
    quarters = np.rint(4.0 * turns)
    angle = (4.0 * turns - quarters) * _HALF_PI
    square = angle * angle
    sine = angle * _polynomial(_SINE, square)
    cosine = _polynomial(_COSINE, square)
    quarter = quarters.astype(np.int64) & 3
    swapped = (quarter & 1).astype(np.bool_)
    sine_sign = 1.0 - (quarter & 2)
    cosine_sign = 1.0 - ((quarter + 1) & 2)
    return np.where(swapped, cosine, sine) * sine_sign, np.where(swapped, sine, cosine) * cosine_sign


def _polynomial(coefficients: Sequence[float], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return c0 + c1 x + c2 x^2 + ... by Horner's rule."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total *= x
        total += coefficient
    return total
