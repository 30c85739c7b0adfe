from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from torch.utils.data import DataLoader

from augment_client.torch import SyntheticDataset
from tests.client.torch_rows import records, rows_of, told
from tests.server.running import environment, threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from tests.server.running import ServerThread


@pytest.fixture(scope="module")
def server(flat_dir: Path) -> Iterator[ServerThread]:
    """A server of the bundle `flat`."""
    with threaded_server(flat_dir) as running:
        yield running


@pytest.fixture
def data(server: ServerThread, flat_table: pa.Table) -> SyntheticDataset:
    """Batches of records, five a walk."""
    real = flat_table.slice(0, 101)
    return SyntheticDataset(
        server.target, "flat", real=real, ratio=0.5, batch_size=32, transform=records, seed=2, prefetch=64
    )


def loader(kind: type[DataLoader[Any]], data: SyntheticDataset, **settings: Any) -> Any:
    started: dict[str, Any] = {"num_workers": 2, "multiprocessing_context": "forkserver"} | settings
    return kind(data, batch_size=None, **started)


def test_workers_that_stay_follow_the_epoch(data: SyntheticDataset) -> None:
    """Two processes give the rows that one gives, in each epoch; the batches are the same."""
    alone = {epoch: [frozenset(rows_of([batch])) for batch in walk(data, epoch)] for epoch in (0, 4)}
    workers = loader(DataLoader, data, persistent_workers=True)
    for epoch, batches in alone.items():
        data.set_epoch(epoch)
        came = list(workers)
        assert len(came) == len(data) == 5
        assert Counter(frozenset(rows_of([batch])) for batch in came) == Counter(batches)


def walk(data: SyntheticDataset, epoch: int) -> list[Any]:
    data.set_epoch(epoch)
    return list(data)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_torchdata_resumes_it(data: SyntheticDataset, workers: int) -> None:
    """A new `StatefulDataLoader` gives exactly the batches that were left, then the next epoch."""
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
    settings: dict[str, Any] = {"num_workers": workers}
    settings["multiprocessing_context"] = "forkserver" if workers else None
    data.set_epoch(1)
    first = loader(stateful, data, **settings)
    whole, state = [], {}
    for number, batch in enumerate(first):
        whole += rows_of([batch])
        if number == 1:
            state, taken = first.state_dict(), len(whole)
    data.set_epoch(0)
    again = loader(stateful, data, **settings)
    again.load_state_dict(state)
    assert rows_of(again) == whole[taken:]
    data.set_epoch(2)
    assert Counter(rows_of(again)) == Counter(told(data, 2))


FORKING = """
import sys
from torch.utils.data import DataLoader
from augment_client.torch import SyntheticDataset

target, asks = sys.argv[1:]
data = SyntheticDataset(target, "flat", rows=40, batch_size=8, columns=["age"])
if asks == "asks":
    data.describe()
for batch in DataLoader(data, batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60):
    print(len(batch["age"]))
"""


@pytest.mark.parametrize(
    ("asks", "variables", "told"),
    [
        ("not", {}, "8 8 8 8 8"),
        ("asks", {}, "multiprocessing_context must not be 'fork' once the process has used gRPC"),
        ("asks", {"GRPC_ENABLE_FORK_SUPPORT": "1"}, "8 8 8 8 8"),
    ],
)
def test_forked_workers_work_or_are_told_why_not(
    server: ServerThread, asks: str, variables: dict[str, str], told: str
) -> None:
    """A process that has used gRPC cannot be forked: workers say so, where gRPC would hang for ever."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", FORKING, server.target, asks],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told in " ".join((done.stdout + done.stderr).split()), done.stderr
    assert (done.returncode == 0) == told.startswith("8")


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import augment_client
try:
    import augment_client.torch
except ModuleNotFoundError as error:
    print(error)
"""


def test_torch_is_asked_for_by_name() -> None:
    """Where torch is missing, the error says what to install; the rest of the client does not care."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", WITHOUT_TORCH],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pip install 'augment-service[torch]'" in done.stdout
