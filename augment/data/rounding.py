"""Numbers on a grid of decimal places, exact as floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Grid", "common_step", "fewest_decimals"]

_EXACT = 2.0**53
_MOST_DECIMALS = 12
_STEP_VALUES = 10
_GLANCE = 1000


@dataclass(frozen=True)
class Grid:
    """Decimal numbers that are `origin + n * step`, counted in units of the last place.

    Attributes:
        decimals: Decimal places.
        step: Distance of neighbours in units of the last place, e.g. 5 for 0.0, 0.5, 1.0.
        origin: Any number on the grid, in units of the last place.
    """

    decimals: int
    step: int = 1
    origin: int = 0

    def round(self, numbers: Floats) -> Floats:
        """Return the nearest numbers of the grid, as the very floats that their text is read as.

        Numbers times a power of ten that stay below 2**53 are exact as whole numbers, and so is the
        power, up to 10**22: the quotient is the float nearest to the decimal. Larger ones are left
        as they are.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            places = np.rint(numbers * 10.0**self.decimals)
            if self.step > 1:
                places = self.origin + np.rint((places - self.origin) / self.step) * self.step
            return np.where(np.abs(places) < _EXACT, places / 10.0**self.decimals, numbers)

    def places(self, numbers: Floats) -> NDArray[np.int64] | None:
        """Return numbers in units of the last place; None where one is too large for that."""
        with np.errstate(over="ignore"):
            places = np.rint(numbers * 10.0**self.decimals)
        return places.astype(np.int64) if (np.abs(places) < _EXACT).all() else None


def fewest_decimals(numbers: Floats, narrow: np.dtype[np.floating]) -> int | None:
    """Return the fewest decimal places that give all numbers back.

    None if 12 do not, or if the type itself is hardly finer than those places: any float32 has 9.

    Args:
        numbers: Finite numbers.
        narrow: The type they come from; equality is that of this type, so that 0.1 as float32 has
            one decimal place.
    """
    for decimals in range(_MOST_DECIMALS + 1):
        grid = Grid(decimals)
        if not _kept(grid, numbers[:_GLANCE], narrow) or not _kept(grid, numbers, narrow):
            continue
        finest = 2.0 ** (np.finfo(narrow).nmant - 1)
        largest = float(np.abs(numbers).max(initial=0))
        return decimals if largest * 10.0**decimals < finest else None
    return None


def _kept(grid: Grid, numbers: Floats, narrow: np.dtype[np.floating]) -> bool:
    return bool((grid.round(numbers).astype(narrow) == numbers.astype(narrow)).all())


def common_step(offsets: NDArray[np.uint64]) -> int:
    """Return the largest number that divides all distinct offsets.

    1 for fewer than 10 of them: they may have a divisor in common by chance.
    """
    return max(int(np.gcd.reduce(offsets)), 1) if len(offsets) >= _STEP_VALUES else 1
