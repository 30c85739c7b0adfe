"""A signal that ends a command, told with the exit code that shells have for it."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["StoppedAtOnce", "stopping"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedAtOnce(KeyboardInterrupt):
    """A signal that ends everything now.

    Attributes:
        signal: Which.
    """

    def __init__(self, message: str, number: signal.Signals) -> None:
        super().__init__(message)
        self.signal = number


@contextmanager
def stopping(message: str) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM raise `StoppedAtOnce` within.

    The first process of a container ignores a SIGTERM that it does not handle, and would be killed after
    the grace period. A signal that is ignored, as that of the keyboard is in the background, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        raise StoppedAtOnce(message, signal.Signals(number))

    before = {one: signal.getsignal(one) for one in _SIGNALS}
    taken = [one for one, handler in before.items() if handler != signal.SIG_IGN]
    for one in taken:
        signal.signal(one, stop)
    try:
        yield
    finally:
        for one in taken:
            signal.signal(one, before[one])
