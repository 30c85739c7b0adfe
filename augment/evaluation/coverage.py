"""Alpha-precision and beta-recall: are synthetic rows typical, and are all real rows represented?

After Alaa, van Breugel, Saveliev and van der Schaar, "How Faithful is your Synthetic Data?" (ICML 2022),
sections 3 and 4, on the standardised one-hot embedding of the rows instead of a learnt one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from augment.evaluation.embedding import Embedding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.evaluation.rows import Rows

__all__ = ["alpha_precision_beta_recall"]

_STEPS = 30
MAX_ROWS = 10_000  # the nearest neighbours are looked for among all pairs


def alpha_precision_beta_recall(
    real: Rows, synthetic: Rows, random: np.random.Generator
) -> tuple[float, float]:
    """Return integrated alpha-precision and beta-recall, each in [0, 1], 1 = as the real data.

    Over as many rows of one as of the other, at most `MAX_ROWS`, at least two.
    """
    count = min(len(real), len(synthetic), MAX_ROWS)
    real, synthetic = real.draw(count, random), synthetic.draw(count, random)
    embed = Embedding.fit(real, synthetic)
    points, made = embed(real), embed(synthetic)
    return _precision(points, made), _recall(points, made)


def _precision(real: NDArray[np.float32], made: NDArray[np.float32]) -> float:
    """Integrate |alpha - share of synthetic rows in the ball that holds a share alpha of the real ones|."""
    center = real.mean(axis=0)
    radii = np.quantile(_from(real, center), _alphas())
    within = np.searchsorted(np.sort(_from(made, center)), radii, side="right") / len(made)
    return _agreement(within)


def _recall(real: NDArray[np.float32], made: NDArray[np.float32]) -> float:
    """Integrate |beta - share of real rows with a near neighbour among the typical share beta of the made|.

    Near means no further than the real row's nearest real neighbour.
    """
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - slow to import

    reach = NearestNeighbors(n_neighbors=1).fit(real).kneighbors()[0][:, 0]
    distance, nearest = NearestNeighbors(n_neighbors=1).fit(made).kneighbors(real)
    covered = distance[:, 0] <= reach
    typical = _from(made[nearest[:, 0]], made.mean(axis=0))
    radii = np.quantile(typical, _alphas())
    return _agreement(np.array([(covered & (typical <= radius)).mean() for radius in radii]))


def _alphas() -> NDArray[np.float64]:
    return np.linspace(0, 1, _STEPS)


def _from(points: NDArray[np.float32], center: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.linalg.norm(points - center, axis=1))


def _agreement(shares: NDArray[np.float64]) -> float:
    alphas = _alphas()
    return float(1 - np.abs(alphas - shares).sum() / alphas.sum())
