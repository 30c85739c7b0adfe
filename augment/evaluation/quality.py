"""Shape and trend errors, as SDMetrics counts its Column Shapes and Column Pair Trends.

SDMetrics itself (MIT) needs Copulas, whose licence forbids services of synthetic data, so the four
scores are written out here after its version 0.32, thresholds 0; a test compares where it is installed.
It differs in one thing: where the synthetic cells leave a score undefined (a constant column has no
correlation, an empty one no distribution) though the real ones define it, SDMetrics drops the score from
the mean, and here it counts as the worst.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from augment.evaluation.columns import kolmogorov_smirnov

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from augment.evaluation.rows import Rows

__all__ = ["PairError", "mean_error", "shape_errors", "trend_errors"]

_BINS = 10  # of a number beside a category
_DECIMALS = 14  # SDMetrics rounds to as many
_FEWEST = 2  # rows of a correlation
_DENSE = 1 << 22  # pairs of levels that are counted in one table


@dataclass(frozen=True)
class PairError:
    """How far two columns go together otherwise than in the real data.

    Attributes:
        first: A column.
        second: Another.
        error: In [0, 1]; 0 = the same.
    """

    first: str
    second: str
    error: float


def mean_error(errors: Iterable[float]) -> float | None:
    """Return the mean; None of nothing."""
    found = list(errors)
    return float(np.mean(found)) if found else None


def shape_errors(real: Rows, synthetic: Rows) -> dict[str, float]:
    """Return 1 - KSComplement of each number, 1 - TVComplement of each category, over present cells.

    Columns without a present real cell are left out.
    """
    errors = {}
    for index, name in enumerate(real.number_names):
        cells = [_rounded(_present(rows.numbers[:, index])) for rows in (real, synthetic)]
        if len(cells[0]):
            errors[name] = kolmogorov_smirnov(*cells)
    for index, name in enumerate(real.level_names):
        codes = [_known(rows.codes[:, index], rows.missing[index]) for rows in (real, synthetic)]
        if len(codes[0]):
            errors[name] = _variation(*codes)
    return errors


def trend_errors(real: Rows, synthetic: Rows) -> list[PairError]:
    """Return the error of each pair of columns, those aside that the real data leave undefined.

    Two numbers: half the difference of Pearson's correlations over rows where both are present. Else
    the total variation of the table of both, missing a level, a number cut into ten bins of equal
    width over its own table's range.
    """
    numeric = [
        _numeric_error(first, second, real.numbers, synthetic.numbers)
        for first, second in combinations(range(len(real.number_names)), 2)
    ]
    names = list(combinations(real.number_names, 2))
    pairs = [PairError(*pair, error) for pair, error in zip(names, numeric, strict=True) if error is not None]
    levels = [(rows.codes, _binned(rows.numbers)) for rows in (real, synthetic)]
    joint = [np.concatenate(parts, axis=1) for parts in levels]
    labels = real.level_names + real.number_names
    if not (len(real) and len(synthetic)):
        return pairs
    for first, second in combinations(range(len(labels)), 2):
        if first < len(real.level_names):
            error = _variation(
                *(_paired(part[:, first], part[:, second], joint, (first, second)) for part in joint)
            )
            pairs.append(PairError(labels[first], labels[second], error))
    return pairs


def _present(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[~np.isnan(values)]


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round as SDMetrics does, all but numbers so large that this would overflow and change nothing."""
    small = np.abs(values) < 1 / np.finfo(np.float64).eps
    return np.asarray(np.where(small, np.where(small, values, 0).round(_DECIMALS), values))


def _known(codes: NDArray[np.int64], missing: np.int64) -> NDArray[np.int64]:
    return np.asarray(codes[codes != missing])


def _variation(real: NDArray[np.int64], synthetic: NDArray[np.int64]) -> float:
    """Return half the sum of the differences between the codes' shares; 1 if just one side is empty."""
    if not len(real) or not len(synthetic):
        return float(len(real) != len(synthetic))
    top = int(max(real.max(), synthetic.max())) + 1
    if top > _DENSE:
        _, both = np.unique(np.concatenate([real, synthetic]), return_inverse=True)
        real, synthetic, top = both[: len(real)], both[len(real) :], int(both.max()) + 1
    shares = [np.bincount(part, minlength=top) / len(part) for part in (real, synthetic)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _paired(
    first: NDArray[np.int64], second: NDArray[np.int64], joint: list[NDArray[np.int64]], at: tuple[int, int]
) -> NDArray[np.int64]:
    """Return one code for each pair of codes, the same in both tables."""
    width = 1 + max(int(part[:, at[1]].max()) for part in joint)
    return first * width + second


def _binned(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return numpy's ten bins of equal width of each column; missing cells fall beyond the last."""
    bins = np.zeros(numbers.shape, np.int64)
    for index, values in enumerate(numbers.T):
        bins[:, index] = np.digitize(values, _edges(_present(values)))
    return bins


def _edges(present: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ends of ten bins; of a bin a value where floats lie too far apart, as 0.3 and 0.1 + 0.2."""
    if not len(present):
        return np.zeros(1)
    try:
        return np.histogram_bin_edges(present, bins=_BINS)
    except ValueError:  # ten ends between two numbers that have fewer between them
        return np.append(np.unique(present), np.inf)


def _numeric_error(
    first: int, second: int, real: NDArray[np.float64], synthetic: NDArray[np.float64]
) -> float | None:
    wanted = _correlation(real[:, first], real[:, second])
    found = _correlation(synthetic[:, first], synthetic[:, second])
    if wanted is None:
        return None
    return 1.0 if found is None else abs(wanted - found) / 2


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return Pearson's correlation over the rows where both are present; None if it is undefined."""
    both = ~(np.isnan(first) | np.isnan(second))
    x, y = first[both], second[both]
    if len(x) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    # By their largest value first: squares of huge or tiny numbers overflow or vanish.
    x, y = (values / np.abs(values).max() for values in (x, y))
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.linalg.norm(x)) * float(np.linalg.norm(y))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else None
