"""Who goes first on the processors: the event loop, which refuses and tells its health."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

__all__ = ["give_way"]

_NICE, _LAST = 5, 19


def give_way() -> None:
    """Let the other threads of the process run before the current one, and before those that it starts.

    Linux knows a priority of each thread; elsewhere nothing changes. Without it the loop waits with each of
    its turns until one of many computing threads has used up its slice.
    """
    with suppress(OSError, AttributeError):
        usual = os.getpriority(os.PRIO_PROCESS, os.getpid())
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(usual + _NICE, _LAST))
