"""The real server in a process of its own, on a free port, always stopped in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Serving", "ServingError", "serving"]

_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 10.0
_LOOK_AGAIN_S = 0.05


class ServingError(RuntimeError):
    """The server did not start; the message holds what it logged."""


@dataclass(frozen=True)
class Serving:
    """A running server: its address, and how long it took to be ready."""

    address: str
    start_seconds: float


@contextmanager
def serving(models: Path, log: Path) -> Iterator[Serving]:
    """Start `python -m augment_server` on a free port and stop it in the end, whatever happens.

    Args:
        models: The directory of bundles.
        log: Where the server's log lines go.

    Raises:
        ServingError: It was not ready in time.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", "augment_server", "--models", str(models), "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUGMENT_")}
    with log.open("wb") as file:  # not a pipe, which would stop the server once it is full and nobody reads
        process = subprocess.Popen(command, stderr=file, env=environment)  # noqa: S603 - our own server
    try:
        port = _wait_until_ready(process, log)
        yield Serving(f"127.0.0.1:{port}", time.monotonic() - started)
    finally:
        _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> int:
    """Return the port of the server's own line that says it is ready."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        has_ended = process.poll() is not None
        events = (_event(line) for line in log.read_bytes().splitlines())
        ready = next((event for event in events if event.get("event") == "ready"), None)
        if ready is not None:
            return int(ready["port"])
        if has_ended:
            break
        time.sleep(_LOOK_AGAIN_S)
    text = log.read_text(encoding="utf-8", errors="replace").strip() or "no word from it"
    raise ServingError(f"the server must be ready within {_START_TIMEOUT_S:.0f} s, got:\n{text}")


def _event(line: bytes) -> dict[str, str]:
    try:
        event = json.loads(line)
    except ValueError:  # a line that is no log event, e.g. a warning of Python's
        return {}
    return event if isinstance(event, dict) else {}


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
