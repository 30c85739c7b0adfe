from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from tests.server.running import environment, threaded_server

pytest.importorskip("torchdata.stateful_dataloader")

from tests.client.torch_ranks import BATCH_ROWS, STOP, dataset
from tests.client.torch_rows import told as rows

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

RANKS, REAL_ROWS = 2, 97
MADE = 49  # 48 were asked for: 145 rows are not to be shared by two


@pytest.fixture(scope="module")
def told(
    flat_dir: Path, flat_table: pa.Table, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[list[Any], list[str]]]:
    """What each rank told, and the rows of one process; see `torch_ranks.py`."""
    directory = tmp_path_factory.mktemp("ranks")
    pq.write_table(flat_table.slice(0, REAL_ROWS), directory / "real.parquet")
    with threaded_server(flat_dir) as server:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={RANKS}"]
        done = subprocess.run(  # noqa: S603 - our own program
            [*command, "-m", "tests.client.torch_ranks", server.target, str(directory)],
            env=environment(GLOO_SOCKET_IFNAME="lo"),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        alone = {
            "mixed": rows(dataset(server.target, directory, None, rows=MADE, rank=0, world=1), 1),
            "real": rows(dataset(server.target, directory, 0, rank=0, world=1), 1),
            "refused": [],
        }
    return {name: (_read(directory, name), one) for name, one in alone.items()}


def _read(directory: Path, name: str) -> list[Any]:
    return [json.loads((directory / f"{name}-{rank}.json").read_text()) for rank in range(RANKS)]


def test_ranks_share_the_rows_of_one_process(told: dict[str, Any]) -> None:
    """Over two ranks of two workers each, every row comes once."""
    ranks, alone = told["mixed"]
    assert Counter(ranks[0]["rows"] + ranks[1]["rows"]) == Counter(alone)
    assert len(alone) == REAL_ROWS + MADE


def test_real_rows_alone_are_shared_evenly(told: dict[str, Any]) -> None:
    """One of 97 is left out; none comes twice."""
    ranks, alone = told["real"]
    assert sum((Counter(alone) - Counter(ranks[0]["rows"] + ranks[1]["rows"])).values()) == 1
    assert len(ranks[0]["rows"]) == len(ranks[1]["rows"]) == REAL_ROWS // 2


@pytest.mark.parametrize("name", ["mixed", "real"])
def test_no_rank_waits_for_a_step_of_another(told: dict[str, Any], name: str) -> None:
    """Both have as many steps, of as many rows: an `all_reduce` in each of them comes back."""
    (one, two), _ = told[name]
    assert one["steps"] == two["steps"]
    assert len(one["steps"]) == one["len"] == two["len"]
    assert sum(one["steps"]) == len(one["rows"]) + len(two["rows"])
    assert len(one["steps"]) == -(-len(one["rows"]) // BATCH_ROWS) > STOP


@pytest.mark.parametrize("name", ["mixed", "real"])
def test_every_rank_goes_on_where_its_state_was_taken(told: dict[str, Any], name: str) -> None:
    """New loaders of new datasets give each rank the very rows that it had left."""
    for rank in told[name][0]:
        assert rank["resumed"] == rank["left"]
        assert len(rank["left"]) == len(rank["rows"]) - STOP * BATCH_ROWS


def test_a_dataset_made_before_ranks_are_known_gives_no_rows(told: dict[str, Any]) -> None:
    """Both ranks would get all of them."""
    for rank, error in enumerate(told["refused"][0]):
        assert f"rank and world must be ({rank}, 2), as torch.distributed says by now, got (0, 1)" in error
