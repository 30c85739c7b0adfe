"""Distances, copies and attacks: laws that hold for any rows."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.evaluation.coverage import alpha_precision_beta_recall
from augment.evaluation.distances import Gower
from augment.evaluation.embedding import Embedding
from augment.evaluation.privacy import copied, membership_auc, nearer_share, neighbour_ratio
from augment.evaluation.rows import Rows


def rows(count: int, seed: int, *, gaps: float = 0.1) -> Rows:
    """Return rows of three numbers with gaps and two categories."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(count, 3))
    numbers[random.random(numbers.shape) < gaps] = np.nan
    return Rows(("a", "b", "c"), ("d", "e"), numbers, random.integers(0, 4, (count, 2)), np.array([-1, 3]))


def by_hand(distance: Gower, first: Rows, second: Rows) -> np.ndarray:
    """Return all distances, cell by cell."""
    out = np.zeros((len(first), len(second)))
    for index, (known, rank) in enumerate(zip(distance.values, distance.ranks, strict=True)):
        x, y = (part.numbers[:, index] for part in (first, second))
        at_x, at_y = (np.interp(z, known, rank) if len(known) else np.zeros(len(z)) for z in (x, y))
        gap = np.abs(at_x[:, None] - at_y)
        absent = np.isnan(x)[:, None].astype(int) + np.isnan(y)
        out += np.where(absent == 0, gap, np.where(absent == 1, 1, 0))
    for index in range(first.codes.shape[1]):
        out += first.codes[:, index][:, None] != second.codes[:, index]
    return out


@given(st.integers(1, 300), st.integers(1, 1200), st.integers(1, 3), st.integers(0, 99))
def test_the_nearest_are_those_by_hand(count: int, others: int, near: int, seed: int) -> None:
    """Whatever the sizes beside the blocks; infinite where there are fewer others."""
    first, second = rows(count, seed), rows(others, seed + 1)
    distance = Gower.fit(first.joined(second))
    wanted = np.sort(by_hand(distance, first, second), axis=1)[:, :near]
    wanted = np.pad(wanted, ((0, 0), (0, near - wanted.shape[1])), constant_values=np.inf)
    assert distance.nearest(first, second, near) == pytest.approx(wanted, abs=1e-5)


def test_a_row_is_nearest_to_itself() -> None:
    """At distance 0, and no column is further than 1."""
    found = rows(200, 0)
    distance = Gower.fit(found)
    assert (distance.nearest(found, found) == 0).all()
    assert distance.nearest(found, rows(50, 1)).max() <= 5


def test_copies_are_equal_in_every_cell() -> None:
    """A changed cell is no copy; a missing cell equals a missing cell."""
    first = rows(100, 0, gaps=0.5)
    changed = first.take(np.arange(100))
    changed.codes[::2, 0] += 10
    same, other = copied(first, first, changed)
    assert same.all()
    assert not other[::2].any()
    assert other[1::2].all()


def test_halves_are_clean_and_ties_count_half() -> None:
    """Rows that both halves have say nothing: judged rows equal to one of either are no sign."""
    real, seen = rows(200, 0), rows(100, 1)
    train, holdout = real.joined(seen), rows(200, 2).joined(seen)
    random = np.random.default_rng(0)
    found = nearer_share(train, holdout, seen, random)
    assert found is not None
    assert abs(found.value - 0.5) < 0.15
    other = nearer_share(train, holdout, real, random)
    assert other is not None
    assert other.value == 1
    assert other.floor is not None
    assert abs(other.floor - 0.5) < 0.2
    assert nearer_share(train, train, real, random) is None  # nothing is left of either


def test_attacks_find_near_copies() -> None:
    """Training rows with a little noise are found; fresh rows are not."""
    train, holdout, random = rows(400, 0, gaps=0), rows(400, 1, gaps=0), np.random.default_rng(0)
    noisy = train.take(np.arange(400))
    noisy.numbers[:] += random.normal(size=noisy.numbers.shape) / 100
    leaky, fresh = (membership_auc(train, holdout, made, random) for made in (noisy, rows(400, 2, gaps=0)))
    assert leaky is not None
    assert fresh is not None
    assert leaky.value > 0.9
    assert abs(fresh.value - 0.5) < 0.1
    ratios = [neighbour_ratio(train, holdout, made, random) for made in (noisy, rows(400, 2, gaps=0))]
    assert ratios[0] is not None
    assert ratios[1] is not None
    assert ratios[0].value < 0.3 < ratios[1].value


def test_alpha_precision_and_beta_recall_see_collapse_and_spread() -> None:
    """Rows all in the middle, and rows all outside, are worse than fresh ones in what each measures."""
    real, random = rows(500, 0, gaps=0), np.random.default_rng(0)
    fresh = alpha_precision_beta_recall(real, rows(500, 1, gaps=0), random)
    middle, outside = rows(500, 2, gaps=0), rows(500, 3, gaps=0)
    middle.numbers[:] *= 0.1
    outside.numbers[:] *= 10
    collapsed, spread = (alpha_precision_beta_recall(real, made, random) for made in (middle, outside))
    assert collapsed[0] < fresh[0] - 0.1
    assert spread[0] < fresh[0] - 0.1
    assert max(collapsed[1], spread[1]) < fresh[1] - 0.1
    assert 0.4 < fresh[1] < 0.6
    assert fresh[0] > 0.9


def test_two_levels_lie_one_apart_in_the_embedding() -> None:
    """And a number by its standard deviation; missing cells have a direction of their own."""
    found = rows(50, 0)
    points = Embedding.fit(found)(found)
    assert points.shape == (50, 3 + 3 + 4 + 4)
    same = found.take(np.array([0, 0]))
    same.codes[1, 0] = (same.codes[0, 0] + 1) % 4
    first, second = Embedding.fit(found)(same)
    assert np.linalg.norm(first - second) == pytest.approx(1)


def test_large_tables_are_compared_in_blocks() -> None:
    """4,000 by 20,000 rows take a second or so: 30,000 by 30,000 well under a minute."""
    first, second = rows(4_000, 0, gaps=0), rows(20_000, 1, gaps=0)
    started = time.process_time()
    Gower.fit(second).nearest(first, second)
    assert time.process_time() - started < 4
