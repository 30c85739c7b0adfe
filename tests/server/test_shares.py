from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from augment_server.principals import Principal
from augment_server.quotas import Quotas
from augment_server.settings import Settings
from augment_server.shared_buckets import SharedBuckets, shared_file
from augment_server.supervision.orders import Order
from augment_server.supervision.shares import cpus_of, share_of
from tests.server.running import environment

SPEND = """
import sys
from augment_server.principals import Principal
from augment_server.quotas import Quotas
from augment_server.shared_buckets import SharedBuckets
quotas = Quotas(SharedBuckets(int(sys.argv[1])))
for _ in range(2_000):
    quotas.spend(Principal("poor", (), 60), 1)
"""


@pytest.mark.parametrize(("cpus", "workers"), [(1, 4), (2, 2), (5, 2), (8, 3), (64, 64)])
def test_workers_share_the_cpus(cpus: int, workers: int) -> None:
    """All CPUs are somebody's, as evenly as can be, and nobody has none."""
    shares = [cpus_of(index, workers, cpus) for index in range(workers)]
    assert sum(shares) == max(cpus, workers)
    assert max(shares) - min(shares) <= 1


def test_workers_share_the_limits() -> None:
    """What many workers take together is no more than what one would; what was chosen by hand stays."""
    whole = Settings(workers=3, port=7, max_queue_rows=900, max_model_bytes=300, metrics_port=9, threads=None)
    shares = [share_of(whole, index, cpus=8) for index in range(3)]
    assert [(each.threads, each.computations) for each in shares] == [(3, 3), (3, 3), (2, 2)]
    assert {(each.max_queue_rows, each.max_model_bytes) for each in shares} == {(300, 100)}
    assert {(each.port, each.metrics_port, each.admin_port) for each in shares} == {(7, 0, None)}
    assert share_of(whole, 0, cpus=64).threads == 4
    chosen = share_of(Settings(workers=2, threads=2, computations=5), 0, cpus=64)
    assert (chosen.threads, chosen.computations) == (2, 5)
    remote = Settings(workers=2, models="s3://there/models", cache_dir=Path("kept"))
    assert [share_of(remote, index, 1).cache_dir for index in range(2)] == [
        Path("kept/worker-0"),
        Path("kept/worker-1"),
    ]


def test_an_order_arrives_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's settings are those it was sent, whatever variables it inherits."""
    for models in ("s3://there/models", Path("here/models")):
        sent = Settings(models=models, workers=2, pin={"adult": 3}, idle_s=7.5)
        order = Order(index=1, settings=sent, report_to=5, quotas_in=6, withdrawn=[("adult", 2)])
        line = order.model_dump_json()
        with monkeypatch.context() as patch:
            patch.setenv("AUGMENT_WORKERS", "9")
            patch.setenv("AUGMENT_TLS_CERT", "other.pem")
            assert Order.model_validate_json(line) == order


def test_no_row_of_a_quota_is_forgotten_between_processes() -> None:
    """Four processes take 2,000 rows each at the same time: 8,000 are gone, but for what ran in meanwhile."""
    poor, descriptor = Principal("poor", (), 60), shared_file()
    quotas = Quotas(SharedBuckets(descriptor))
    began = time.monotonic()
    quotas.spend(poor, 0)
    command = [sys.executable, "-c", SPEND, str(descriptor)]
    spending = [
        subprocess.Popen(command, env=environment(), pass_fds=(descriptor,))  # noqa: S603 - our own program
        for _ in range(4)
    ]
    assert [process.wait(120) for process in spending] == [0] * 4
    owed = quotas.spend(poor, 0)  # seconds, at a row each
    assert 8_000 - 60 - (time.monotonic() - began) <= owed <= 8_000 - 60


def test_each_client_has_a_bucket_and_there_is_room_for_new_ones() -> None:
    """Clients do not share one, and those that were left alone the longest give way, full as they are."""
    quotas = Quotas(SharedBuckets(shared_file()))
    for number in range(100_000):
        assert quotas.spend(Principal(f"client {number}", (), 600), 1_200) > 59, number
    for number in range(80_000, 100_000):
        assert quotas.spend(Principal(f"client {number}", (), 600), 0) > 30, number
    assert quotas.spend(Principal("client 99999", (), 6_000), 0) == 0  # another quota begins anew
