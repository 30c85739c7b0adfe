from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from augment_client import InvalidRequestError
from augment_client.torch.mixture import MAX_ROWS, Mixture, Order
from augment_client.torch.shard import Shard, rank_and_world

COUNTS = st.integers(0, 300)
WORLDS = st.integers(1, 7)


def shards(world: int, workers: int) -> list[Shard]:
    return [Shard(rank, world, worker, workers) for rank in range(world) for worker in range(workers)]


@given(COUNTS, COUNTS, WORLDS, st.integers(1, 5), st.integers(1, 40))
def test_shards_share_all_rows(real: int, synthetic: int, world: int, workers: int, unit: int) -> None:
    """Over all ranks and workers each position comes once, and each real and each synthetic row once."""
    assume(synthetic or real >= world)
    mixture = Mixture.of(real, synthetic, world)
    order = Order(mixture, seed=3, epoch=1)
    positions: list[int] = []
    reals: list[int] = []
    made: list[int] = []
    for shard in shards(world, workers):
        span = shard.span(mixture.total, unit)
        positions += span
        for start in range(span.start, span.stop, unit):
            piece = order.piece(start, min(start + unit, span.stop))
            reals += piece.real.tolist()
            made += piece.synthetic
            assert piece.is_synthetic.sum() == len(piece.synthetic)
            assert len(piece.is_synthetic) == len(piece.synthetic) + len(piece.real)
    assert positions == list(range(mixture.total))
    assert len(set(reals)) == len(reals) == mixture.real
    assert set(reals) <= set(range(real))
    assert mixture.left_out == real - len(reals) < (1 if synthetic else world)
    assert made == list(range(mixture.synthetic))


@given(COUNTS, COUNTS, WORLDS)
def test_ranks_get_equally_many(real: int, synthetic: int, world: int) -> None:
    """No rank waits for a batch that another does not have; the price is less than a row a rank."""
    assume(synthetic or real >= world)
    mixture = Mixture.of(real, synthetic, world)
    assert len({len(Shard(rank, world).rank_span(mixture.total)) for rank in range(world)}) == 1
    assert synthetic <= mixture.synthetic < synthetic + world
    with pytest.raises(InvalidRequestError, match="real must have a row for each of 7 ranks"):
        Mixture.of(6, 0, 7)


def test_epochs_leave_out_other_rows() -> None:
    """Where real rows alone cannot be shared evenly, none of them is left out for good."""
    mixture = Mixture.of(11, 0, 4)
    epochs = [set(Order(mixture, 0, epoch).piece(0, mixture.total).real.tolist()) for epoch in range(20)]
    assert {len(epoch) for epoch in epochs} == {8}
    assert set.union(*epochs) == set(range(11))


@given(COUNTS, COUNTS, st.data())
def test_the_ratio_holds_everywhere(real: int, synthetic: int, data: st.DataObject) -> None:
    """Of any stretch of rows the wanted share is synthetic, to a row."""
    mixture = Mixture(real, synthetic)
    start = data.draw(st.integers(0, mixture.total))
    stop = data.draw(st.integers(start, mixture.total))
    made = Order(mixture, seed=0, epoch=0).piece(start, stop).is_synthetic.sum()
    if mixture.total:
        assert abs(made - (stop - start) * synthetic / mixture.total) < 1


def test_the_ratio_holds_where_numbers_are_large() -> None:
    """The largest epoch and batch that there may be are computed without overflow."""
    mixture = Mixture(real=3, synthetic=MAX_ROWS - 3)
    rows = 2**20
    piece = Order(mixture, seed=0, epoch=0).piece(mixture.total - rows, mixture.total)
    assert piece.is_synthetic.sum() == len(piece.synthetic) == rows - len(piece.real)
    assert (MAX_ROWS - 3) * 2**24 < 2**63


@given(st.integers(0, 500), WORLDS, st.integers(1, 6), st.integers(1, 40))
def test_batches_do_not_depend_on_workers(rows: int, world: int, workers: int, size: int) -> None:
    """A rank's batches are those that it has without workers."""

    def batches(shard: Shard) -> list[range]:
        span = shard.span(rows, size)
        return [span[start : start + size] for start in range(0, len(span), size)]

    for rank in range(world):
        alone = batches(Shard(rank, world))
        assert alone == [b for worker in range(workers) for b in batches(Shard(rank, world, worker, workers))]


def test_seed_and_epoch_decide_the_order() -> None:
    """The same seed and epoch give the same order, others another one."""

    def reals(seed: int, epoch: int) -> list[int]:
        return list(Order(Mixture(50, 10), seed, epoch).piece(0, 60).real)

    assert reals(1, 2) == reals(1, 2)
    assert len({tuple(reals(seed, epoch)) for seed in (0, 1, 2**64 - 1) for epoch in range(3)}) == 9
    state = np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002 - that it is left alone
    reals(1, 2)
    assert np.random.get_state()[1].tolist() == state  # type: ignore[index] # noqa: NPY002


def test_ranks_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said counts most, then what torchrun says; half of it is refused."""
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert rank_and_world(None, None) == (0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert rank_and_world(None, None) == (2, 4)
    assert rank_and_world(1, 3) == (1, 3)
    for rank, world in ((0, None), (None, 2), (3, 3), (0, 0), (-1, 2)):
        with pytest.raises(InvalidRequestError, match=r"rank|world"):
            rank_and_world(rank, world)
