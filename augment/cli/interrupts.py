"""The first Ctrl-C or SIGTERM ends training well, once it can be published; the second one at once."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from augment.cli.console import warn
from augment.cli.stops import StoppedAtOnce
from augment.training import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import FrameType, TracebackType
    from typing import Any, Self

    from augment.training import Progress

__all__ = ["Interruptible", "StoppedAtOnce"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SAID = "stopping: the best so far is exported, what is still to do is left out; again: at once"


class Interruptible(Watcher):
    """Passes on what it hears, and wants to stop after a signal; use as a context.

    Before the first step of the first model, a signal raises `StoppedAtOnce`: nothing would be published.

    Attributes:
        signal: What came, e.g. `SIGINT`; None so far.
        directory: Where the run is kept; None where it is not known yet.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._in_steps = self._some_trained = False
        self._stage = "getting ready"
        self.signal: signal.Signals | None = None
        self.directory: Path | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._on_signal) for one in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def on_stage(self, stage: str) -> None:
        """Pass it on; whether the new stage asks about stopping is to be seen."""
        self._in_steps, self._stage = False, stage
        self._watcher.on_stage(stage)

    def on_epoch(self, progress: Progress) -> None:
        """Pass it on."""
        self._watcher.on_epoch(progress)

    def on_restored(self, history: Sequence[Progress]) -> None:
        """Pass it on."""
        self._watcher.on_restored(history)

    def on_run(self, directory: Path) -> None:
        """Pass it on."""
        self.directory = directory
        self._watcher.on_run(directory)

    def on_trained(self, model: str) -> None:
        """Pass it on: from now on a signal ends well wherever it comes."""
        self._some_trained = True
        self._watcher.on_trained(model)

    def wants_stop(self) -> bool:
        """Return whether a signal came."""
        self._in_steps = True
        return self.signal is not None or self._watcher.wants_stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.signal is None and os.environ.get("RANK", "0") != "0":  # one of several of torchrun
            self.signal = signal.Signals(number)  # the first one stops all
            return
        if self.signal is not None:
            raise StoppedAtOnce(
                "interrupted; nothing half-written was left behind, and the same command goes on",
                signal.Signals(number),
            )
        if not (self._in_steps or self._some_trained):
            raise StoppedAtOnce(
                f"interrupted while {self._stage}: no model is trained yet, nothing is published",
                signal.Signals(number),
            )
        self.signal = signal.Signals(number)
        warn(_SAID)
