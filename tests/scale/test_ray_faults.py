"""Ray with actors killed, a node removed, no cluster, no bundle: the same rows, or a clear message."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
import pytest

from augment.runtime import Model

ray: Any = pytest.importorskip("ray", reason="Ray is not installed: make test-scale")
pytest.importorskip("ray.data")

from augment.scale.generating import Generating  # noqa: E402
from augment.scale.ray import datasets, generate  # noqa: E402
from tests.scale.tables import same  # noqa: E402
from tests.scale.test_ray_datasets import all_rows  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS, PART_ROWS = 4_000, 256


class Dying(Generating):
    """Is killed once, in the middle of its parts; `died` is the mark of it."""

    died: ClassVar[Path]

    def tables(self, model: Model, block: pa.Table) -> Iterator[pa.Table]:
        """Yield a table, then die, the first time that anybody gets so far."""
        for table in super().tables(model, block):
            yield table
            if block.column("first")[0].as_py() >= 5 and _first(self.died):
                os._exit(1)


class Deadly(Generating):
    """Kills its process whatever it is given."""

    def tables(self, model: Model, block: pa.Table) -> Iterator[pa.Table]:
        """Exit."""
        del model, block
        os._exit(1)


def _first(mark: Path) -> bool:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@pytest.fixture
def two_nodes() -> Iterator[Any]:
    """A cluster of two nodes on this machine, one processor each."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - with Ray alone

    arguments = {"num_cpus": 1, "object_store_memory": 150 * 2**20}
    cluster = Cluster(initialize_head=True, connect=True, head_node_args=arguments)
    cluster.add_node(**arguments)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def wanted(tiny_bundle: Path) -> pa.Table:
    """The rows, made by the library."""
    return Model.open(tiny_bundle, threads=1).generate(ROWS, seed=9)


@pytest.mark.slow
def test_a_killed_actor_changes_nothing(
    two_nodes: Any, tiny_bundle: Path, wanted: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its part is made again by another."""
    del two_nodes
    mark = tmp_path / "died"
    dying = type("Dying", (Dying,), {"died": mark})
    monkeypatch.setattr(datasets, "Generating", dying)
    made = all_rows(generate(tiny_bundle, ROWS, seed=9, part_rows=PART_ROWS, concurrency=2))
    assert mark.exists()
    assert same(made, wanted)


@pytest.mark.slow
def test_parts_that_kill_every_actor_end_the_run(
    two_nodes: Any, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than being tried without an end."""
    del two_nodes
    monkeypatch.setattr(datasets, "Generating", Deadly)
    monkeypatch.setattr(datasets, "_RETRIES", 2)
    with pytest.raises(Exception, match=r"(?i)actor.*(died|unavailable)"):
        all_rows(generate(tiny_bundle, 10, concurrency=1))


@pytest.mark.slow
def test_a_removed_node_changes_nothing(two_nodes: Any, tiny_bundle: Path, wanted: pa.Table) -> None:
    """What was on it is made again on the other."""
    ds = generate(tiny_bundle, ROWS, seed=9, part_rows=PART_ROWS, concurrency=(1, 2))
    batches = iter(ds.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0))
    tables = [next(batches)]
    two_nodes.remove_node(next(iter(two_nodes.worker_nodes)), allow_graceful=False)
    tables += batches
    assert same(pa.concat_tables(tables), wanted)


def _run(code: str, status: int = 1) -> tuple[str, float]:
    """Return the last line that Python writes of some code, and how long it takes."""
    started = time.monotonic()
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout.strip().splitlines()[-1], time.monotonic() - started


@pytest.mark.slow
def test_a_cluster_is_found_by_its_address(two_nodes: Any, tiny_bundle: Path) -> None:
    """By another process."""
    code = f"""
from augment.scale.ray import connect, generate
connect({two_nodes.address!r})
print("rows:", generate({str(tiny_bundle)!r}, 70).count())
"""
    assert _run(code, status=0)[0] == "rows: 70"


CONNECT = "from augment.scale.ray import connect; connect({!r}, timeout_s=5)"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere"])
def test_a_cluster_that_is_not_there_is_told_at_once(address: str) -> None:
    """With the address and what to do."""
    message, seconds = _run(CONNECT.format(address))
    assert f"ClusterError: no Ray cluster answers at '{address}'" in message
    assert "ray start --head" in message
    assert seconds < 30


def test_something_else_at_the_address_is_no_cluster() -> None:
    """Somebody who listens and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        message, seconds = _run(CONNECT.format(address))
    assert "ClusterError: no Ray cluster answers" in message
    assert seconds < 60


@pytest.mark.slow
def test_a_shared_bundle_that_workers_do_not_have_is_told(tiny_bundle: Path, tmp_path: Path) -> None:
    """And does not hang, though actors are replaced when they die."""
    bundle = tmp_path / "models" / "tiny" / "1"
    shutil.copytree(tiny_bundle, bundle)
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    try:
        ds = generate(bundle, 10, shared=True)
        shutil.rmtree(bundle)
        with pytest.raises(Exception, match="is not on this worker"):
            all_rows(ds)
    finally:
        ray.shutdown()
