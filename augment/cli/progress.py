"""Training's progress: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from augment.cli.console import say, stderr
from augment.training import Watcher

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.console import Console

    from augment.training import Progress as Epoch

__all__ = ["TrainingView", "duration"]

_LINES_PER_MODEL = 10
_ROOM_FOR_PARTS = 150  # columns of a terminal


class TrainingView(Watcher):
    """Shows one bar a model; use as a context."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or stderr()
        self._bars = self._new_bars()
        self._tasks: dict[str, TaskID] = {}

    def _new_bars(self) -> Progress:
        return Progress(
            TextColumn("[bold]{task.description:9}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def restart(self) -> None:
        """Leave the bars as they are and begin new ones, for models of the same names."""
        self._bars.stop()
        self._bars, self._tasks = self._new_bars(), {}
        self._bars.start()

    def on_stage(self, stage: str) -> None:
        """Show what begins now."""
        if self._console.is_terminal:
            self._console.print(f"[dim]{escape(stage)}[/]", soft_wrap=True)
        else:
            say(stage)

    def on_epoch(self, progress: Epoch) -> None:
        """Move the model's bar, or write a line for about one epoch in ten."""
        if not self._console.is_terminal:
            if _worth_a_line(progress):
                say(f"{progress.model}: {_text(progress)}")
            return
        task = self._tasks.get(progress.model)
        if task is None:
            task = self._bars.add_task(progress.model, total=progress.steps, text="")
            self._tasks[progress.model] = task
        text = _text(progress, parts=self._console.width >= _ROOM_FOR_PARTS)
        self._bars.update(task, completed=progress.step, text=escape(text))


def _worth_a_line(epoch: Epoch) -> bool:
    every = max(1, epoch.epochs // _LINES_PER_MODEL)
    return epoch.epoch == 1 or epoch.epoch % every == 0 or epoch.epoch == epoch.epochs


def _text(epoch: Epoch, *, parts: bool = True) -> str:
    listed = " ".join(f"{name} {value:.2f}" for name, value in epoch.parts.items())
    loss = f"loss {epoch.train_loss:.3f}" + (f" ({listed})" if parts and len(epoch.parts) > 1 else "")
    held_out = f"held-out {epoch.heldout_loss:.3f}{'*' if epoch.best else ' '}"
    speed = f"{epoch.rows_per_s:,.0f} rows/s  {duration(epoch.seconds_left)} left"
    return f"epoch {epoch.epoch}/{epoch.epochs}  {loss}  {held_out} {speed}"


def duration(seconds: float) -> str:
    """Return seconds for people.

    >>> duration(75.2), duration(4.26), duration(3725)
    ('1:15', '4.3 s', '1:02:05')
    """
    if seconds < 60:  # noqa: PLR2004 - below a minute, tenths are of interest
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
