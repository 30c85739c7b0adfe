"""When a process is to stop, and when to hurry about it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stopping"]


class Stopping:
    """Two events. On one event loop alone.

    Attributes:
        stop: Finish what is in flight, and end.
        hurry: End now.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()

    def ask(self) -> None:
        """Stop; asked again, hurry."""
        (self.hurry if self.stop.is_set() else self.stop).set()

    def on_signals(self, do: Callable[[], object], *numbers: int) -> None:
        """Have something done on signals. In the main thread, which is where they arrive."""
        for number in numbers:
            asyncio.get_running_loop().add_signal_handler(number, do)
