"""Where the command line writes: results to stdout, all else to stderr."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.text import Text

__all__ = ["hint", "out", "say", "stderr", "warn"]


_FILE_WIDTH = 140  # columns of a table that goes to a file or a pipe


def out() -> Console:
    """Return a console on stdout, for results."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _FILE_WIDTH
    return console


class _Asides(Console):
    """A console for what nobody has to read: its reader goes away, its disk is full, the work goes on."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print as the console does; what the file does not take is lost."""
        with suppress(OSError):
            super().print(*objects, **how)

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on; Console's own way is to end the process."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stderr.fileno())
            os.close(nowhere)


def stderr() -> Console:
    """Return a console on stderr, for progress, warnings and errors."""
    return _Asides(stderr=True, highlight=False)


def say(text: str, style: str = "") -> None:
    """Write one line to stderr; only a terminal wraps it, so that logs keep whole lines."""
    stderr().print(Text(text, style=style), soft_wrap=True)


def warn(text: str) -> None:
    """Write a warning to stderr."""
    line = Text("warning: ", style="bold yellow")
    stderr().print(line.append(text, style="default not bold"), soft_wrap=True)


def hint(text: str) -> None:
    """Write what to do next to stderr."""
    line = Text("next: ", style="bold cyan")
    stderr().print(line.append(text, style="default not bold"), soft_wrap=True)
