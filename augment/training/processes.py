"""Several processes that train one model, as `torchrun` starts them: each does a share of every batch.

All have the same weights, averages and held-out rows at every step, and so come to the same decisions; what
is written, shown and published is the first one's business.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from augment.models.batch import Batch
    from augment.models.trainable import Trainable

    Loss = Callable[[Batch, torch.Generator, float], tuple[Tensor, Mapping[str, Tensor]]]

__all__ = ["any_of", "averaged", "count", "is_first", "loss_of", "rank", "said_by_first", "together"]

_T = TypeVar("_T")


def count() -> int:
    """Return how many processes train together; 1 where this one is alone."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Return this process's number, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Whether this process writes and tells."""
    return rank() == 0


@contextmanager
def together(device: torch.device | str) -> Iterator[None]:
    """Meet the other processes that `torchrun` started, if it did; part from them at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        yield
        return
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield
        distributed.barrier()  # who leaves first would take the meeting place away from under the others
    finally:
        distributed.destroy_process_group()


def said_by_first(value: _T) -> _T:
    """Return what the first process has for `value`, in all of them."""
    if count() == 1:
        return value
    box: list[Any] = [value]
    distributed.broadcast_object_list(box, src=0)
    found: _T = box[0]
    return found


def any_of(flag: bool, device: torch.device) -> bool:  # noqa: FBT001 - what is told is all there is
    """Return whether it holds in any process."""
    if count() == 1:
        return flag
    told = torch.tensor(float(flag), device=device)
    distributed.all_reduce(told, distributed.ReduceOp.MAX)
    return bool(told)


def averaged(values: dict[str, float], device: torch.device) -> dict[str, float]:
    """Return the means of the processes' values."""
    if count() == 1:
        return values
    told = torch.tensor(list(values.values()), dtype=torch.float32, device=device)
    distributed.all_reduce(told)
    return dict(zip(values, (told / count()).tolist(), strict=True))


class _Loss(nn.Module):
    """The loss as `forward`, which is what DistributedDataParallel watches."""

    def __init__(self, model: Trainable) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, batch: Batch, generator: torch.Generator, progress: float
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the loss and its parts."""
        losses = self.model.loss(batch, generator, progress=progress)
        return losses.total, dict(losses.parts)


def loss_of(model: Trainable) -> Loss:
    """Return the loss, whose gradients are the processes' mean."""
    loss = _Loss(model)
    if count() == 1:
        return loss
    return DistributedDataParallel(loss, broadcast_buffers=False, find_unused_parameters=True)
