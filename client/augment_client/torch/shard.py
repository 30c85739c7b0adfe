"""The part of an epoch that one worker of one rank takes."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch.utils.data import get_worker_info

from augment_client.checks import checked_integer
from augment_client.errors import InvalidRequestError

__all__ = ["Shard", "rank_and_world", "require_ranks"]

_MOST_RANKS = 1_000_000


@dataclass(frozen=True)
class Shard:
    """One worker of one rank.

    Attributes:
        rank: The process among those that train together, from 0.
        world: How many there are.
        worker: The worker of its `DataLoader`, from 0.
        workers: How many it has; 1 where it has none of its own.
    """

    rank: int
    world: int
    worker: int = 0
    workers: int = 1

    @classmethod
    def here(cls, rank: int, world: int) -> Shard:
        """Return the shard of the process that asks."""
        info = get_worker_info()
        return cls(rank, world) if info is None else cls(rank, world, info.id, info.num_workers)

    def rank_span(self, rows: int) -> range:
        """Return the positions of the rank, of an epoch of so many rows."""
        return range(rows * self.rank // self.world, rows * (self.rank + 1) // self.world)

    def span(self, rows: int, unit: int) -> range:
        """Return the positions of the worker: whole units of the rank's, the last of which may be shorter.

        A rank's batches are thus the same ones whatever the number of its workers.
        """
        own = self.rank_span(rows)
        units = -(-len(own) // unit)
        first, last = units * self.worker // self.workers, units * (self.worker + 1) // self.workers
        return own[first * unit : last * unit]


def rank_and_world(rank: int | None, world: int | None) -> tuple[int, int]:
    """Return what is given, else what torch.distributed says, else RANK and WORLD_SIZE, else (0, 1).

    Raises:
        InvalidRequestError: Only one is given, or the rank is not in the world.
    """
    if (rank is None) != (world is None):
        field, value = ("world", world) if world is None else ("rank", rank)
        raise InvalidRequestError.of(field, "must be given where the other of rank and world is", value)
    if rank is None or world is None:
        rank, world = _surroundings()
    checked_integer("world", world, 1, _MOST_RANKS)
    return checked_integer("rank", rank, 0, world - 1), world


def require_ranks(rank: int, world: int) -> None:
    """Refuse a rank that was found before torch.distributed was there: all ranks would get the same rows.

    Raises:
        InvalidRequestError: torch.distributed says otherwise by now.
    """
    if _is_distributed() and (rank, world) != _surroundings():
        rule = f"must be {_surroundings()}, as torch.distributed says by now"
        remedy = "Make the dataset after init_process_group, or say rank and world"
        raise InvalidRequestError.of("rank and world", rule, (rank, world), remedy)


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _surroundings() -> tuple[int, int]:
    if _is_distributed():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    texts = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE")]  # torchrun's
    return (int(texts[0]), int(texts[1])) if all(text.isdecimal() for text in texts) else (0, 1)
