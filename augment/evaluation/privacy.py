"""Does the synthetic data give training rows away? Distances, copies, and an attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from augment.evaluation.distances import Gower

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.evaluation.rows import Rows

__all__ = [
    "FEWEST_ROWS",
    "MAX_ROWS",
    "Privacy",
    "copied",
    "membership_auc",
    "nearer_share",
    "neighbour_ratio",
    "repeated",
]

MAX_ROWS = 20_000  # of a table: all pairs are compared
FEWEST_ROWS = 12


@dataclass(frozen=True)
class Privacy:
    """One of the figures: its value, and that of fresh real rows."""

    value: float
    floor: float | None
    floor_rows: int = 0


def copied(rows: Rows, *others: Rows) -> list[NDArray[np.bool_]]:
    """Return for each of the others which of its rows equal one of `rows` in every compared cell."""
    ids = _row_ids(rows, *others)
    return [np.isin(part, ids[0]) for part in ids[1:]]


def repeated(rows: Rows) -> NDArray[np.bool_]:
    """Return which rows have a twin among the others."""
    ids = _row_ids(rows)[0]
    twins: NDArray[np.bool_] = np.bincount(ids)[ids] > 1
    return twins


def nearer_share(train: Rows, holdout: Rows, synthetic: Rows, random: np.random.Generator) -> Privacy | None:
    """Return the share of synthetic rows that lie nearer to a training row than to a holdout row.

    Ties count half. The two halves are of one size, without the rows that have an exact copy in the
    other: such rows say nothing of who was copied. The floor judges one part of the holdout against the
    rest. None with too few rows.
    """
    halves = _clean(train, holdout)
    value = _nearer(*halves, synthetic, random)
    if value is None:
        return None
    fresh, rest = _parts(holdout, 2, random)
    return Privacy(value, _nearer(*_clean(train, rest), fresh, random), min(len(fresh), MAX_ROWS))


def neighbour_ratio(
    train: Rows, holdout: Rows, synthetic: Rows, random: np.random.Generator
) -> Privacy | None:
    """Return the median of the distance to the nearest training row over that to the second nearest.

    Near 1: among several alike. Near 0: close to one row alone. The floor is the holdout's median.
    """
    if min(len(train), len(synthetic)) < FEWEST_ROWS:
        return None
    distance, real = Gower.fit(train.joined(holdout)), train.draw(MAX_ROWS, random)
    medians = [
        _median_ratio(distance.nearest(rows.draw(MAX_ROWS, random), real, 2)) if len(rows) else None
        for rows in (synthetic, holdout)
    ]
    assert medians[0] is not None  # noqa: S101 - rows were counted above
    return Privacy(medians[0], medians[1], min(len(holdout), MAX_ROWS))


def membership_auc(
    train: Rows, holdout: Rows, synthetic: Rows, random: np.random.Generator
) -> Privacy | None:
    """Return the ROC AUC of an attacker who tells training rows from unseen ones by the synthetic rows.

    The score of a row is how much nearer it lies to the synthetic rows than to reference rows from the
    same population: the density ratio of van Breugel et al., "Membership Inference Attacks against
    Synthetic Data through Overfitting Detection" (AISTATS 2023), with nearest neighbours as densities.
    The holdout gives the unseen rows and the reference; for the floor also rows in place of the
    synthetic ones. None with too few rows.
    """
    unseen, reference = _parts(holdout, 2, random)
    value = _attack(train, unseen, reference, synthetic, random)
    if value is None:
        return None
    unseen, reference, fresh = _parts(holdout, 3, random)
    return Privacy(value, _attack(train, unseen, reference, fresh, random), len(fresh))


def _row_ids(*parts: Rows) -> list[NDArray[np.int64]]:
    """Return a number for each row, equal where all cells are."""
    together = parts[0]
    for part in parts[1:]:
        together = together.joined(part)
    ids = np.zeros(len(together), np.int64)
    for column in (*together.numbers.T, *together.codes.T):
        _, codes = np.unique(column, return_inverse=True)
        _, ids = np.unique(ids * (codes.max(initial=0) + 1) + codes, return_inverse=True)
    return np.split(ids, np.cumsum([len(part) for part in parts])[:-1])


def _clean(train: Rows, holdout: Rows) -> tuple[Rows, Rows]:
    """Return both without the rows that have a copy in the other."""
    return train.take(~copied(holdout, train)[0]), holdout.take(~copied(train, holdout)[0])


def _parts(rows: Rows, count: int, random: np.random.Generator) -> list[Rows]:
    return [rows.take(np.sort(part)) for part in np.array_split(random.permutation(len(rows)), count)]


def _nearer(train: Rows, holdout: Rows, judged: Rows, random: np.random.Generator) -> float | None:
    count = min(len(train), len(holdout), MAX_ROWS)
    if min(count, len(judged)) < FEWEST_ROWS:
        return None
    halves = [rows.draw(count, random) for rows in (train, holdout)]
    distance, judged = Gower.fit(halves[0].joined(halves[1])), judged.draw(MAX_ROWS, random)
    seen, unseen = (distance.nearest(judged, half)[:, 0] for half in halves)
    return float((seen < unseen).mean() + (seen == unseen).mean() / 2)


def _median_ratio(near: NDArray[np.float32]) -> float:
    """Return the median of nearest over second nearest; 1 where both are copies."""
    ratio = np.where(near[:, 1] > 0, near[:, 0] / np.where(near[:, 1] > 0, near[:, 1], 1), 1)
    return float(np.median(ratio))


def _attack(
    members: Rows, unseen: Rows, reference: Rows, published: Rows, random: np.random.Generator
) -> float | None:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - slow to import

    count = min(len(members), len(unseen), MAX_ROWS)
    if min(count, len(reference), len(published)) < FEWEST_ROWS:
        return None
    suspects = members.draw(count, random).joined(unseen.draw(count, random))
    distance, published = Gower.fit(suspects.joined(reference)), published.draw(MAX_ROWS, random)
    near, usual = (
        distance.nearest(suspects, rows)[:, 0] for rows in (published, reference.draw(MAX_ROWS, random))
    )
    close = 0.01  # of one column: where copies stop to count as ever nearer
    return float(roc_auc_score(np.repeat([1, 0], count), (usual + close) / (near + close)))
