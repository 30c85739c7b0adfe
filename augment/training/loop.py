"""The training loop: one function for every model.

The encoded table lives on the device and a batch is an index gather. Each epoch ends with a look at the
held-out rows, by the averaged weights and always with the same noise, so that losses of epochs compare.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from augment.errors import TrainingError
from augment.training.averaging import BestWeights, WeightAverage
from augment.training.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from augment.models.batch import Batch
    from augment.models.trainable import Trainable
    from augment.training.sizing import Schedule

__all__ = ["FitOptions", "FitReport", "fit", "heldout_loss_of"]

_MAX_GRADIENT_NORM = 10.0
_WARMUP_SHARE = 0.1
_LAST_RATE = 0.01
_HELDOUT_BATCH = 2048
_HELDOUT_ROWS = 512


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes:
        name: The model's, for progress and messages.
        schedule: How long.
        learning_rate: The highest.
        weight_decay: Of AdamW.
        weight_average: Decay of the averaged weights.
        seed: Of batches and noise.
        on_epoch: Told of each epoch.
    """

    name: str
    schedule: Schedule
    learning_rate: float
    weight_decay: float
    weight_average: float
    seed: int
    on_epoch: Callable[[Progress], None]


@dataclass(frozen=True)
class FitReport:
    """How it went. Losses are nats a row.

    Attributes:
        epochs: Epochs done.
        steps: Steps done.
        parameters: Learned numbers.
        train_loss: Of the best epoch.
        heldout_loss: Of the best epoch, by the weights kept.
        best_epoch: From 1.
        stopped: `epochs` if all were done, `early` if the held-out loss no longer fell.
    """

    epochs: int
    steps: int
    parameters: int
    train_loss: float
    heldout_loss: float
    best_epoch: int
    stopped: Literal["epochs", "early"]


@dataclass(frozen=True)
class _Run:
    """What the steps of one run share."""

    model: Trainable
    optimizer: torch.optim.Optimizer
    rates: torch.optim.lr_scheduler.LRScheduler
    average: WeightAverage
    batches: Iterator[Batch]
    generator: torch.Generator
    schedule: Schedule


def fit(model: Trainable, train: Batch, heldout: Batch, options: FitOptions) -> FitReport:
    """Train `model` in place; it ends with the averaged weights of the epoch best on held-out rows.

    Raises:
        TrainingError: The loss is no longer finite.
    """
    run = _start(model, train, options)
    best, started, schedule, epoch = BestWeights(), time.monotonic(), options.schedule, 0
    while epoch < schedule.epochs and epoch - best.epoch < schedule.patience:
        epoch += 1
        parts = _train_epoch(run, epoch)
        with run.average.applied():
            heldout_loss = heldout_loss_of(model, heldout, options.seed)
        _require_finite(parts["total"], heldout_loss, options, epoch)
        better = best.offer(heldout_loss, parts["total"], epoch, run.average.weights)
        seconds = time.monotonic() - started
        options.on_epoch(_progress(run, options.name, epoch, seconds, parts, heldout_loss, better=better))
    best.restore(model)
    return FitReport(
        epochs=epoch,
        steps=epoch * schedule.epoch_steps,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        train_loss=best.train_loss,
        heldout_loss=best.heldout_loss,
        best_epoch=best.epoch,
        stopped="epochs" if epoch == schedule.epochs else "early",
    )


@torch.no_grad()
def heldout_loss_of(model: Trainable, heldout: Batch, seed: int) -> float:
    """Return the mean loss over the held-out rows, repeated up to 512 where they are few.

    The noise depends on `seed` alone.
    """
    generator = torch.Generator(device=heldout.tokens.device).manual_seed(seed)
    repeats = max(1, _HELDOUT_ROWS // len(heldout))
    index = torch.arange(len(heldout), device=heldout.tokens.device).repeat(repeats)
    model.eval()
    losses = [
        (float(model.loss(part, generator).total), len(part))
        for part in heldout.rows(index).split(_HELDOUT_BATCH)
    ]
    model.train()
    return sum(loss * rows for loss, rows in losses) / len(index)


def _start(model: Trainable, train: Batch, options: FitOptions) -> _Run:
    """Return the optimiser and the rest of a run at step 0.

    The rate rises for 10 % of the steps, then falls along a cosine.
    """
    steps = options.schedule.steps
    warmup = max(1, round(_WARMUP_SHARE * steps))

    def rate(step: int) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
        return min(1.0, (step + 1) / warmup) * (_LAST_RATE + (1 - _LAST_RATE) * fall)

    generator = torch.Generator(device=train.tokens.device).manual_seed(options.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )
    return _Run(
        model=model.train(),
        optimizer=optimizer,
        rates=torch.optim.lr_scheduler.LambdaLR(optimizer, rate),
        average=WeightAverage(model, options.weight_average),
        batches=_batches(train, options.schedule.batch_size, generator),
        generator=generator,
        schedule=options.schedule,
    )


def _batches(train: Batch, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
    """Yield batches without end: passes over the rows, each in a new random order.

    The rows that a pass leaves over begin the next one, so that all batches have the same size.
    """
    device = train.tokens.device
    pending = torch.empty(0, dtype=torch.int64, device=device)
    while True:
        order = torch.randperm(len(train), generator=generator, device=device)
        pending = torch.cat([pending, order])
        *whole, last = torch.split(pending, batch_size)
        for index in whole if len(last) < batch_size else [*whole, last]:
            yield train.rows(index)
        pending = last if len(last) < batch_size else last[:0]


def _train_epoch(run: _Run, epoch: int) -> dict[str, float]:
    """Do one epoch's steps; returns the means of the loss and its parts."""
    sums: dict[str, Tensor] = {}
    first = (epoch - 1) * run.schedule.epoch_steps
    for step in range(first, first + run.schedule.epoch_steps):
        losses = run.model.loss(next(run.batches), run.generator, progress=step / run.schedule.steps)
        run.optimizer.zero_grad()
        torch.autograd.backward(losses.total)
        torch.nn.utils.clip_grad_norm_(run.model.parameters(), _MAX_GRADIENT_NORM)
        run.optimizer.step()
        run.rates.step()
        run.average.update()
        for name, part in {"total": losses.total.detach(), **losses.parts}.items():
            sums[name] = sums[name] + part if name in sums else part
    return {name: float(total) / run.schedule.epoch_steps for name, total in sums.items()}


def _require_finite(train_loss: float, heldout_loss: float, options: FitOptions, epoch: int) -> None:
    if math.isfinite(train_loss) and math.isfinite(heldout_loss):
        return
    raise TrainingError(
        f"{options.name}: the loss must stay finite, got training {train_loss} and held-out {heldout_loss} "
        f"in epoch {epoch}. Lower {options.name}.learning_rate (now {options.learning_rate:g}), or look for "
        "extreme values in the number and array columns"
    )


def _progress(
    run: _Run,
    name: str,
    epoch: int,
    seconds: float,
    parts: dict[str, float],
    heldout_loss: float,
    *,
    better: bool,
) -> Progress:
    schedule = run.schedule
    step = epoch * schedule.epoch_steps
    return Progress(
        model=name,
        epoch=epoch,
        epochs=schedule.epochs,
        step=step,
        steps=schedule.steps,
        train_loss=parts["total"],
        parts={part: value for part, value in parts.items() if part != "total"},
        heldout_loss=heldout_loss,
        best=better,
        learning_rate=float(run.rates.get_last_lr()[0]),
        rows_per_s=step * schedule.batch_size / max(seconds, 1e-9),
        seconds_left=seconds * (schedule.steps - step) / step,
    )
