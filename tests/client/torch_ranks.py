"""A training loop in several processes, as torchrun starts it: each rank tells which rows it got.

    torchrun --nproc-per-node 2 torch_ranks.py TARGET DIRECTORY

Each step ends with an `all_reduce`, as those of DistributedDataParallel do: a rank with fewer steps than
another would leave that one waiting.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader  # type: ignore[import-untyped] # ships no types

from augment_client import InvalidRequestError
from augment_client.torch import SyntheticDataset
from tests.client.torch_rows import records, rows_of

SEED, BATCH_ROWS, STOP = 5, 8, 3
RATIOS = {"mixed": 0.5, "real": 0.0}


def dataset(target: str, directory: Path, ratio: float | None, **changes: Any) -> SyntheticDataset:
    """Return batches of the real rows in a directory among synthetic ones."""
    settings = {"batch_size": BATCH_ROWS, "seed": SEED, "transform": records, "prefetch": 64} | changes
    real = pq.read_table(directory / "real.parquet")
    return SyntheticDataset(target, "flat", real=real, ratio=ratio, **settings)  # type: ignore[arg-type]


def loader(data: SyntheticDataset) -> Any:
    """Return a loader of two workers."""
    return StatefulDataLoader(data, batch_size=None, num_workers=2)


def step(batch: Any) -> int:
    """Return how many rows all ranks have in this step."""
    rows = torch.tensor(batch.num_rows)
    dist.all_reduce(rows)
    return int(rows)


def train(target: str, directory: Path, name: str) -> None:
    """Go through an epoch; stop in its middle, and go on in a new loader of a new dataset."""
    data = dataset(target, directory, RATIOS[name])
    data.set_epoch(1)
    batches = loader(data)
    came: list[str] = []
    steps: list[int] = []
    for batch in batches:
        steps.append(step(batch))
        came += rows_of([batch])
        if len(steps) == STOP:
            torch.save(batches.state_dict(), directory / f"{name}-{dist.get_rank()}.pt")
            before = len(came)
    again = loader(dataset(target, directory, RATIOS[name]))
    again.load_state_dict(torch.load(directory / f"{name}-{dist.get_rank()}.pt"))
    resumed: list[str] = []
    for batch in again:
        step(batch)
        resumed += rows_of([batch])
    told = {"rows": came, "steps": steps, "len": len(data), "left": came[before:], "resumed": resumed}
    (directory / f"{name}-{dist.get_rank()}.json").write_text(json.dumps(told))


def made_too_early(target: str, directory: Path) -> SyntheticDataset:
    """Return a dataset of who starts ranks by other means than torchrun, and asks before they are known."""
    known = {name: os.environ.pop(name) for name in ("RANK", "WORLD_SIZE")}
    data = dataset(target, directory, 0.5)
    os.environ.update(known)
    return data


def refused(data: SyntheticDataset) -> str:
    """Return why a loader gives no rows."""
    try:
        next(iter(DataLoader(data, batch_size=None, num_workers=1, multiprocessing_context="forkserver")))
    except InvalidRequestError as error:
        return str(error)
    return "not"


def main() -> None:
    """Do both: a loop over real and synthetic rows, and one over real ones alone."""
    target, directory = sys.argv[1], Path(sys.argv[2])
    early = made_too_early(target, directory)
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    # From here on torch.distributed alone tells ranks, as where they are not started by torchrun.
    del os.environ["RANK"], os.environ["WORLD_SIZE"]
    (directory / f"refused-{dist.get_rank()}.json").write_text(json.dumps(refused(early)))
    for name in RATIOS:
        train(target, directory, name)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
