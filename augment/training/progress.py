"""What training tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Progress", "Watcher"]


@dataclass(frozen=True)
class Progress:
    """One epoch of one model.

    Attributes:
        model: Its name, e.g. `vae`.
        epoch: From 1.
        epochs: At most.
        step: Steps done so far.
        steps: At most.
        train_loss: Mean over the epoch's steps, nats a row.
        parts: Its parts, by name.
        heldout_loss: Of the averaged weights on the held-out rows, nats a row.
        best: Whether that is the best so far.
        learning_rate: Of the last step.
        rows_per_s: Training rows a second.
        seconds_left: At most, for this model.
    """

    model: str
    epoch: int
    epochs: int
    step: int
    steps: int
    train_loss: float
    parts: Mapping[str, float]
    heldout_loss: float
    best: bool
    learning_rate: float
    rows_per_s: float
    seconds_left: float


class Watcher:
    """Is told what happens, and may stop it; this one does nothing. Override what is of interest.

    Example:
        >>> class Impatient(Watcher):
        ...     "Stops when it is good enough."
        ...
        ...     def __init__(self) -> None:
        ...         self.good_enough = False
        ...
        ...     def on_epoch(self, progress: Progress) -> None:
        ...         self.good_enough = progress.heldout_loss < 20
        ...
        ...     def wants_stop(self) -> bool:
        ...         return self.good_enough
    """

    def on_epoch(self, progress: Progress) -> None:
        """Hear of the end of an epoch."""

    def on_restored(self, history: Sequence[Progress]) -> None:
        """Hear of a model's epochs that were done before the run was taken up again."""

    def on_stage(self, stage: str) -> None:
        """Hear what begins now, e.g. `encoding 32,561 rows`."""

    def on_run(self, directory: Path) -> None:
        """Hear in which directory the run is kept, once that is known."""

    def on_trained(self, model: str) -> None:
        """Hear that a model is trained: from now on there is something to publish."""

    def wants_stop(self) -> bool:
        """Return whether to stop now; asked before each step, each further model and each look at samples.

        The best weights so far become a bundle, and what is not trained yet is left out of it. The run's
        checkpoints stay: the same call goes on from there.
        """
        return False
