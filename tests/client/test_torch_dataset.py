from __future__ import annotations

import itertools
import json
import pickle
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from augment_client import Client, InvalidRequestError, ProtocolError, UnavailableError
from augment_client.torch import SyntheticDataset
from tests.client.mortal import MortalServer
from tests.client.torch_rows import as_worker, counted, records, rows_of, told
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.running import ServerThread


@pytest.fixture(scope="module")
def server(flat_dir: Path) -> Iterator[ServerThread]:
    """A server of the bundle `flat`."""
    with threaded_server(flat_dir) as running:
        yield running


@pytest.fixture(scope="module")
def real(flat_table: pa.Table) -> pa.Table:
    """101 real rows."""
    return flat_table.slice(0, 101)


def dataset(server: ServerThread, real: pa.Table | None, **changes: Any) -> SyntheticDataset:
    settings = {"seed": 5, "batch_size": 16, "transform": records, "prefetch": 64} | changes
    return SyntheticDataset(server.target, "flat", real=real, **settings)  # type: ignore[arg-type]


def generated(server: ServerThread, rows: int, offset: int = 0, **asked: Any) -> pa.Table:
    with Client(server.target) as client:
        table = client.generate("flat", rows, seed=5, offset=offset, **asked)
    plain = [
        field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in table.schema
    ]
    return table.cast(pa.schema(list(zip(table.column_names, plain, strict=True))))


def wanted(server: ServerThread, real: pa.Table, synthetic: int, offset: int = 0) -> Counter[str]:
    plain = generated(server, 1).schema
    made = counted(generated(server, synthetic, offset), synthetic=True)
    return counted(real.select(plain.names).cast(plain), synthetic=False) + made


@pytest.mark.parametrize(("world", "workers"), [(1, 1), (1, 3), (2, 2), (3, 1)])
@pytest.mark.parametrize("batch_size", [None, 16])
def test_no_row_comes_twice_and_none_is_missing(
    server: ServerThread, real: pa.Table, world: int, workers: int, batch_size: int | None
) -> None:
    """Over all ranks and workers, each real row and each row that the server has for the seed comes once."""
    came: Counter[str] = Counter()
    lengths = set()
    for rank in range(world):
        part = dataset(
            server, real, ratio=0.7, rank=rank, world=world, batch_size=batch_size, transform=as_dicts
        )
        rows: list[str] = []
        for worker in range(workers):
            with as_worker(worker, workers, part):
                rows += texts(part, batch_size)
        lengths.add(len(rows))
        came.update(rows)
    synthetic = 71 + -(101 + 71) % world
    assert came == wanted(server, real, synthetic)
    assert len(lengths) == 1


def as_dicts(batch: pa.RecordBatch) -> Any:
    return Rows(batch.to_pylist())


class Rows(list[dict[str, Any]]):
    """Rows that take an index, as tensors do."""


def texts(items: Any, batch_size: int | None) -> list[str]:
    rows = items if batch_size is None else itertools.chain.from_iterable(items)
    return [repr(sorted(row.items())) for row in rows]


def test_epochs_shuffle_real_rows_and_have_fresh_synthetic_ones(server: ServerThread, real: pa.Table) -> None:
    """Each epoch has all real rows, in another order, and the next rows of the seed's table."""
    data = dataset(server, real, ratio=1)
    first, second = told(data, 0), told(data, 1)
    assert Counter(first) == wanted(server, real, 101)
    assert Counter(second) == wanted(server, real, 101, offset=101)
    reals = [[row for row in epoch if "('_synthetic', False)" in row] for epoch in (first, second)]
    assert sorted(reals[0]) == sorted(reals[1])
    assert reals[0] != reals[1]
    same = dataset(server, real, ratio=1, fresh=False)
    assert Counter(told(same, 1)) == Counter(first)


def test_the_order_is_decided_by_the_seed(server: ServerThread, real: pa.Table) -> None:
    """Prefetching and walks before make no difference; another seed does."""
    data = dataset(server, real)
    first = told(data, 3)
    told(data, 0)
    assert told(data, 3) == first
    assert told(dataset(server, real, prefetch=7), 3) == first
    assert told(dataset(server, real, seed=6), 3) != first


def test_the_ratio_holds_in_each_batch(server: ServerThread, real: pa.Table) -> None:
    """One row in four is synthetic where a third as many as real ones are asked for."""
    for batch in dataset(server, real.slice(0, 96), ratio=1 / 3, batch_size=32):
        assert sum(batch.column("_synthetic").to_pylist()) == 8
    assert not any(
        b.column("_synthetic").to_pylist()[0] for b in dataset(server, real, ratio=0, batch_size=1)
    )
    only = dataset(server, None, rows=40)
    assert Counter(told(only)) == counted(generated(server, 40), synthetic=True)


@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize("taken", [0, 1, 5])
def test_a_resumed_walk_gives_the_rows_that_were_left(
    server: ServerThread, real: pa.Table, taken: int, batch_size: int | None
) -> None:
    """Whatever was prefetched: the state counts what was given out. It survives JSON."""
    settings = {"batch_size": batch_size, "transform": as_dicts}
    whole = dataset(server, real, **settings)
    whole.set_epoch(2)
    for worker in (0, 1):
        with as_worker(worker, 2, whole):
            walk = iter(whole)
            before = texts(itertools.islice(walk, taken), batch_size)
            state = json.loads(json.dumps(whole.state_dict()))
            left = texts(walk, batch_size)
            again = dataset(server, real, **settings)
            again.load_state_dict(state)
            assert again.state_dict() == state
            assert texts(again, batch_size) == left
            whole.set_epoch(2)
            assert texts(whole, batch_size) == before + left
            again.load_state_dict(whole.state_dict())
            assert list(again) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"seed": 6}, "state.seed"),
        ({"ratio": 2}, "state.synthetic_rows"),
        ({"batch_size": 8}, "state.batch_size"),
        ({"fresh": False}, "state.fresh"),
        ({"conditions": ["age > 20"]}, "state.request"),
        ({"world": 2, "rank": 0}, "state.synthetic_rows|state.world"),
    ],
)
def test_a_state_of_other_rows_is_refused(
    server: ServerThread, real: pa.Table, change: dict[str, Any], field: str
) -> None:
    """What would give other rows than those that were left is an error that names what differs."""
    state = dataset(server, real).state_dict()
    other = dataset(server, real, **change)
    other.load_state_dict(state)
    with pytest.raises(InvalidRequestError, match=field):
        iter(other)
    wrong: list[dict[str, Any]] = [{}, {"plan": {}}, state | {"format": 9}, state | {"rows": -1}]
    for broken in wrong:
        with pytest.raises(InvalidRequestError, match="state"):
            other.load_state_dict(broken)


def test_a_state_of_another_bundle_is_refused(server: ServerThread, real: pa.Table) -> None:
    """Rows of two bundles are never mixed."""
    data = dataset(server, real)
    next(iter(data))
    state = data.state_dict() | {"digest": "0" * 64}
    data.load_state_dict(state)
    with pytest.raises(ProtocolError, match="of the bundle 000"):
        list(data)


def test_conditions_and_balance_are_passed_on(server: ServerThread) -> None:
    """Synthetic rows satisfy what is asked of them, and are those that a client gets for the same request."""
    asked: dict[str, Any] = {"conditions": ["age in 40..60"], "balance": "class"}
    made = Counter(told(dataset(server, None, rows=30, **asked)))
    assert made == counted(generated(server, 30, **asked), synthetic=True)


def test_a_walk_outlives_the_server(flat_dir: Path, real: pa.Table) -> None:
    """Killed and started again in the middle of a walk and between walks: the same rows."""
    with MortalServer(flat_dir) as server:
        data = SyntheticDataset(
            server.target, "flat", real=real, ratio=20, batch_size=64, transform=records, prefetch=128
        )
        unbroken = told(data)
        came: list[str] = []
        for number, batch in enumerate(data):
            came += rows_of([batch])
            if number == 3:
                server.kill()
        assert came == unbroken
        server.kill()
        assert told(data) == unbroken
        assert server.kills == 2


def test_a_server_that_is_not_there_is_told(real: pa.Table) -> None:
    """Nothing is asked of a server until rows are wanted; then its absence is an error, and soon."""
    data = SyntheticDataset("127.0.0.1:9", "flat", real=real)
    assert len(data) == 202
    with pytest.raises(UnavailableError):
        next(iter(data))


def test_a_dataset_can_be_sent(server: ServerThread, real: pa.Table) -> None:
    """It is pickled with its real rows and its epoch, in the middle of a walk too; connections stay."""
    data = dataset(server, real)
    data.set_epoch(1)
    rows = rows_of(data)
    next(iter(data))
    sent: SyntheticDataset = pickle.loads(pickle.dumps(data))  # noqa: S301 - made here
    assert sent.epoch == 1
    assert rows_of(sent) == rows


def test_threads_and_connections_end(server: ServerThread, real: pa.Table) -> None:
    """A walk that is left in the middle leaves no thread behind."""
    import threading  # noqa: PLC0415 - only here

    walk = iter(dataset(server, real, ratio=1000))
    next(walk)
    assert [thread.name for thread in threading.enumerate()].count("augment-rows") == 1
    walk.close()  # type: ignore[attr-defined] # a generator
    assert [thread.name for thread in threading.enumerate()].count("augment-rows") == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ratio": -1}, "ratio"),
        ({"ratio": float("nan")}, "ratio"),
        ({"ratio": True}, "ratio"),
        ({"ratio": 1, "rows": 5}, "ratio"),
        ({"rows": -1}, "rows"),
        ({"real": None}, "rows"),
        ({"batch_size": 0}, "batch_size"),
        ({"prefetch": 0}, "prefetch"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"version": 0}, "version"),
        ({"steps": 0}, "steps"),
        ({"conditions": "age > 3"}, "conditions"),
        ({"balance": {}}, "balance"),
        ({"rank": 3, "world": 2}, "rank"),
        ({"real": "rows.csv"}, "real"),
        ({"target": ""}, "target"),
        ({"target": 3}, "target"),
        ({"model": ""}, "model"),
    ],
)
def test_mistakes_are_told_when_the_dataset_is_made(
    real: pa.Table, change: dict[str, Any], field: str
) -> None:
    """Before any worker starts or server is asked."""
    settings = {"target": "127.0.0.1:9", "model": "flat", "real": real} | change
    with pytest.raises(InvalidRequestError, match=field):
        SyntheticDataset(**settings)
