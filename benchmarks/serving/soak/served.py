"""`python -m serving.soak.served`: the server as it is, which tells its tasks when it gets SIGUSR1.

With SOAK_LEAK_BYTES it keeps so many bytes of every request for ever: the leak that the soak must find.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from augment_server.main import main
from augment_server.wire import Wire

__all__ = ["LEAK", "TASKS_FILE"]

LEAK = "SOAK_LEAK_BYTES"
TASKS_FILE = "SOAK_TASKS_FILE"

_KEPT: list[bytearray] = []


def _leak(size: int) -> None:
    """Keep `size` bytes of each request."""
    taken = Wire._taken  # noqa: SLF001 - the one place that every request goes through

    def keeping(wire: Wire, body: bytes) -> Any:
        _KEPT.append((bytearray(body[:size]) + bytearray(b"x" * size))[:size])
        return taken(wire, body)

    setattr(Wire, "_taken", keeping)  # noqa: B010 - the leak, in this process alone


def _tell(*_: object) -> None:
    """Write the event loop's tasks, by what they run, to the file; on the loop's own thread."""
    names = Counter(task.get_coro().__qualname__ for task in asyncio.all_tasks())  # type: ignore[union-attr]
    path = Path(os.environ[TASKS_FILE])
    hidden = path.with_suffix(".new")
    hidden.write_text(json.dumps(names))
    hidden.rename(path)


if __name__ == "__main__":
    if size := int(os.environ.get(LEAK, "0")):
        _leak(size)
    signal.signal(signal.SIGUSR1, _tell)
    sys.exit(main())
