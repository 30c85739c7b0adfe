"""The training loop: one function for every model.

The encoded table lives on the device and a batch is an index gather. Each epoch ends with a look at the
held-out rows, by the averaged weights and always with the same noise, so that losses of epochs compare.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import torch

from augment.errors import NothingLearntError, TrainingError
from augment.training import processes
from augment.training.fit_run import FitOptions, FitRun

if TYPE_CHECKING:
    from augment.models.batch import Batch, Records
    from augment.models.trainable import Trainable
    from augment.training.progress import Progress

__all__ = ["FitOptions", "FitReport", "fit", "heldout_loss_of"]

_HELDOUT_BATCH = 2048
_HELDOUT_ROWS = 512
_DIVERGED = 10.0
_LEAST_SPREAD = 1.0


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
        stopped: `epochs` if all were done, `early` if the held-out loss no longer fell, `interrupted` if
            somebody wanted it.
        seconds: Of training.
        mechanism: Of differential privacy, as a mapping; None: without.
    """

    epochs: int
    steps: int
    parameters: int
    train_loss: float
    heldout_loss: float
    best_epoch: int
    stopped: Literal["epochs", "early", "interrupted"]
    seconds: float = 0.0
    mechanism: dict[str, float] | None = None


def fit(model: Trainable, train: Records, heldout: Batch, options: FitOptions) -> FitReport:
    """Train `model` in place; it ends with the averaged weights of the epoch best on held-out rows.

    Where there are checkpoints, it goes on from the newest.

    Raises:
        TrainingError: The loss is no longer finite, or has run away.
        NothingLearntError: No step was wanted.
    """
    run = FitRun(model, train, options)
    _take_up(run)
    schedule, interrupted = options.schedule, False
    while run.epoch < schedule.epochs and run.epoch - run.best.epoch < schedule.patience:
        if interrupted := not _train_epoch(run):
            _put_down(run)
        if not interrupted or run.best.epoch == 0:
            options.on_epoch(_close_epoch(run, heldout))
        if interrupted:
            break
    run.finish()
    ended: Literal["epochs", "early"] = "epochs" if run.epoch == schedule.epochs else "early"
    return FitReport(
        epochs=run.epoch,
        steps=run.step,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        train_loss=run.best.train_loss,
        heldout_loss=run.best.heldout_loss,
        best_epoch=run.best.epoch,
        stopped="interrupted" if interrupted else ended,
        seconds=run.seconds,
        mechanism=None if options.mechanism is None else asdict(options.mechanism),
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


def _take_up(run: FitRun) -> None:
    """Go on from the newest checkpoint, if there is one."""
    checkpoints = run.options.checkpoints
    state = processes.said_by_first(checkpoints.newest() if checkpoints is not None else None)
    if state is None:
        return
    try:
        run.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as exc:
        raise TrainingError(
            f"{run.options.name}: the checkpoint must be of this model, got: {exc}. "
            "Another version of this library wrote it; train anew with --resume never"
        ) from exc
    run.options.on_restored(run.history)


def _put_down(run: FitRun) -> None:
    """Write a checkpoint, unless the weights are already spoilt."""
    checkpoints = run.options.checkpoints
    if checkpoints is None or (processes.count() > 1 and run.epoch_steps_done):
        return  # several processes' noise can be found again at the beginning of an epoch only
    if run.epoch_steps_done and not math.isfinite(run.losses()["total"]):
        return
    checkpoints.save(run.step, run.state_dict())


def _train_epoch(run: FitRun) -> bool:
    """Do the rest of an epoch's steps; returns False where it was asked to stop before its end."""
    options = run.options
    while run.epoch_steps_done < options.schedule.epoch_steps:
        if run.wants_stop():
            if run.step == 0:
                raise NothingLearntError(f"{options.name}: stopped before the first step; nothing was learnt")
            return False
        if options.checkpoints is not None and options.checkpoints.due:
            _put_down(run)
        run.take_step()
    return True


def _close_epoch(run: FitRun, heldout: Batch) -> Progress:
    """Judge the averaged weights; returns what there is to tell.

    Raises:
        TrainingError: They are spoilt.
    """
    losses = run.losses()
    with run.average.applied():
        heldout_loss = heldout_loss_of(run.model, heldout, run.options.seed)
    _require_sound(run, losses["total"], heldout_loss)
    return run.close_epoch(losses, heldout_loss)


def _require_sound(run: FitRun, train_loss: float, heldout_loss: float) -> None:
    """Refuse a loss that is not finite or has run away, from which it would not come back.

    It has run away when it lies ten times as far above the lowest as the lowest lies below the first.
    """
    name, rate = run.options.name, run.options.learning_rate
    advice = f"Lower {name}.learning_rate (now {rate:g}), or look for extreme values in numbers and arrays"
    if not (math.isfinite(train_loss) and math.isfinite(heldout_loss)):
        raise TrainingError(
            f"{name}: the loss must stay finite, got training {train_loss} and held-out {heldout_loss} "
            f"in epoch {run.epoch + 1}. {advice}"
        )
    if not run.history:
        return
    first = run.history[0].train_loss
    lowest = min(epoch.train_loss for epoch in run.history)
    spread = max(first - lowest, 0.1 * abs(first), _LEAST_SPREAD)
    if train_loss > lowest + _DIVERGED * spread:
        raise TrainingError(
            f"{name}: the loss must not run away, got {train_loss:g} in epoch {run.epoch + 1} after "
            f"{lowest:g}. {advice}"
        )
