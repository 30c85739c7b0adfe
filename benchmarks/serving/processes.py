"""A server in a process of its own, and what the system says about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["ServedProcess"]

_START_S = 120.0


class ServedProcess:
    """`python -m augment_server` on a free port, its log in a file; ended at the end of `with`.

    Args:
        models: The models directory, or its URL.
        log: The log's file.
        flags: More of the server's flags.
        module: What is run; one that ends in the server's own main.
        variables: More of the environment.

    Attributes:
        ready: The log's line that says so.
        port: The port that is listened on.
        pid: The process's id.
    """

    def __init__(
        self,
        models: Path | str,
        log: Path,
        *flags: str,
        module: str = "augment_server",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", module, "--models", str(models), "--port", "0", *flags]
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command, stderr=file, env={**os.environ, **(variables or {})}
            )
        self.pid = self._process.pid
        self.ready = self._ready()
        self.port: int = self.ready["port"]
        self.admin_port: int = self.ready.get("admin_port", 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(30)

    @property
    def target(self) -> str:
        """Its address."""
        return f"127.0.0.1:{self.port}"

    def is_running(self) -> bool:
        """Return whether it has not ended."""
        return self._process.poll() is None

    def rss_mib(self) -> float:
        """Return the memory it holds now."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def wait(self, timeout_s: float) -> int:
        """Return its exit code."""
        return self._process.wait(timeout_s)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of the log of one kind."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [event for event in map(_event, lines) if event.get("event") == name]

    def _ready(self) -> dict[str, Any]:
        limit = time.monotonic() + _START_S
        while time.monotonic() < limit and self._process.poll() is None:
            if ready := self.events("ready"):
                return ready[0]
            time.sleep(0.05)
        raise SystemExit(f"the server did not start:\n{self._log.read_text(encoding='utf-8')}")


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
