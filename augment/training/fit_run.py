"""One model's training as a thing that can be put down after any step and taken up again."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from augment.models.batch import Batch
from augment.training import processes
from augment.training.averaging import BestWeights, WeightAverage
from augment.training.batch_order import BatchOrder
from augment.training.block_order import BlockOrder
from augment.training.choosing import MOST_SHUFFLED
from augment.training.flat_weights import FlatWeights
from augment.training.private_gradients import PrivateGradients
from augment.training.progress import Progress
from augment.training.secret_noise import PoissonOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from augment.models.batch import Records
    from augment.models.trainable import Trainable
    from augment.training.checkpoints import ModelCheckpoints
    from augment.training.privacy import Mechanism
    from augment.training.sizing import Schedule

__all__ = ["FitOptions", "FitRun"]

_MAX_GRADIENT_NORM = 10.0
_WARMUP_SHARE = 0.1
_LAST_RATE = 0.01


def _never() -> bool:
    return False


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
        on_restored: Told of the epochs that a checkpoint remembers.
        wants_stop: Asked before each step whether to stop.
        checkpoints: Where the state is kept; None: nowhere.
        mechanism: Of differential privacy; None: gradients without noise. With it the last weights are kept,
            because held-out rows must have no say.
    """

    name: str
    schedule: Schedule
    learning_rate: float
    weight_decay: float
    weight_average: float
    seed: int
    on_epoch: Callable[[Progress], None]
    on_restored: Callable[[Sequence[Progress]], None] = field(default=lambda _: None)
    wants_stop: Callable[[], bool] = field(default=_never)
    checkpoints: ModelCheckpoints | None = None
    mechanism: Mechanism | None = None


class FitRun:
    """A model on its way: weights, optimiser, averages, generators, the line of batches, the epochs so far.

    `state_dict` holds all of it: on the CPU a run that goes on from there ends in the same weights, to the
    bit, as one that was never put down.

    Attributes:
        step: Steps done.
        epoch: Epochs done.
        best: The best weights so far.
        history: The epochs so far.
    """

    def __init__(self, model: Trainable, train: Records, options: FitOptions) -> None:
        self.model = model.train()
        self.options = options
        self.step = self.epoch = 0
        self.best = BestWeights()
        self.history: list[Progress] = []
        self._weights = FlatWeights(model)
        self.average = WeightAverage(self._weights, options.weight_average)
        self._train = train
        self._sums: dict[str, Tensor] = {}
        self._seconds, self._since = 0.0, time.monotonic()
        self._generator = torch.Generator(device=train.device).manual_seed(options.seed)
        self._private: PrivateGradients | None = None
        self._order: BatchOrder | BlockOrder | PoissonOrder
        if options.mechanism is None:
            large = len(train) > MOST_SHUFFLED and not isinstance(train, Batch)
            order = BlockOrder if large else BatchOrder
            self._order = order(len(train), options.schedule.batch_size, self._generator)
        else:
            self._private = PrivateGradients(model, options.mechanism, len(train))
            self._order = PoissonOrder(len(train), options.mechanism.sample_rate, train.device)
        self._noise = self._generator if processes.count() == 1 else torch.Generator(train.device)
        self._loss = processes.loss_of(self.model)
        self._optimizer = torch.optim.AdamW(
            [self._weights.all], lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
        )
        rate = _rate(options.schedule.steps)
        self._rates = torch.optim.lr_scheduler.LambdaLR(self._optimizer, rate)

    @property
    def seconds(self) -> float:
        """Seconds of training so far, before it was put down included."""
        return self._seconds + time.monotonic() - self._since

    @property
    def epoch_steps_done(self) -> int:
        """Steps of the epoch that is under way."""
        return self.step - self.epoch * self.options.schedule.epoch_steps

    def take_step(self) -> None:
        """Do one step."""
        if self._noise is not self._generator and self.epoch_steps_done == 0:
            self._noise.manual_seed(self.options.seed + self.epoch * processes.count() + processes.rank())
        rows = self._order.following()[processes.rank() :: processes.count()]
        progress = self.step / self.options.schedule.steps
        total, parts = self._differentiate(self._train.rows(rows), progress)
        self._optimizer.step()
        self._rates.step()
        self.average.update()
        for name, part in {"total": total.detach(), **parts}.items():
            self._sums[name] = self._sums[name] + part if name in self._sums else part
        self.step += 1

    def _differentiate(self, batch: Batch, progress: float) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Put the gradient of a batch into the parameters; returns its loss and the parts of it."""
        if self._private is not None:
            return self._private.put(batch, self._noise, progress)
        total, parts = self._loss(batch, self._noise, progress)
        self._weights.zero_grad()
        torch.autograd.backward(total)
        torch.nn.utils.clip_grad_norm_(self._weights.all, _MAX_GRADIENT_NORM)
        return total, parts

    def losses(self) -> dict[str, float]:
        """Return the means, over the steps of this epoch, of the loss (`total`) and its parts."""
        means = {name: float(total) / self.epoch_steps_done for name, total in self._sums.items()}
        return processes.averaged(means, self._train.device)

    def wants_stop(self) -> bool:
        """Whether somebody wants to stop, in any process."""
        return processes.any_of(self.options.wants_stop(), self._train.device)

    def close_epoch(self, losses: dict[str, float], heldout_loss: float) -> Progress:
        """Take in an epoch's losses; returns what there is to tell of it."""
        self.epoch += 1
        offer = self.best.offer if self._private is None else self.best.replace
        better = offer(heldout_loss, losses["total"], self.epoch, self.average.weights)
        progress = self._progress(losses, heldout_loss, better=better)
        self.history.append(progress)
        self._sums = {}
        return progress

    def finish(self) -> None:
        """Leave the best weights in the model, which is its own again and in evaluation mode."""
        self._weights.release()
        self.best.restore(self.model)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "sums": self._sums,
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rates": self._rates.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best.state_dict(),
            "order": self._order.state_dict(),
            "generator": self._generator.get_state(),
            "history": [asdict(progress) for progress in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the state of another run of the same model, data and options."""
        device = self._train.device
        self.step, self.epoch = state["step"], state["epoch"]
        self._seconds, self._since = state["seconds"], time.monotonic()
        self._sums = {name: part.to(device) for name, part in state["sums"].items()}
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rates.load_state_dict(state["rates"])
        self.average.load_state_dict(state["average"])
        self.best.load_state_dict(state["best"], device)
        self._generator.set_state(state["generator"])
        self._order.load_state_dict(state["order"])
        self.history = [Progress(**progress) for progress in state["history"]]

    def _progress(self, losses: dict[str, float], heldout_loss: float, *, better: bool) -> Progress:
        schedule, seconds = self.options.schedule, self.seconds
        return Progress(
            model=self.options.name,
            epoch=self.epoch,
            epochs=schedule.epochs,
            step=self.step,
            steps=schedule.steps,
            train_loss=losses["total"],
            parts={part: value for part, value in losses.items() if part != "total"},
            heldout_loss=heldout_loss,
            best=better,
            learning_rate=float(self._rates.get_last_lr()[0]),
            rows_per_s=self.step * schedule.batch_size / max(seconds, 1e-9),
            seconds_left=seconds * (schedule.steps - self.step) / self.step,
        )


def _rate(steps: int) -> Callable[[int], float]:
    """Return the share of the highest learning rate by step: up for 10 % of them, down along a cosine."""
    warmup = max(1, round(_WARMUP_SHARE * steps))

    def rate(step: int) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
        return min(1.0, (step + 1) / warmup) * (_LAST_RATE + (1 - _LAST_RATE) * fall)

    return rate
