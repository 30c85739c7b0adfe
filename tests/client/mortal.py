"""A server process that is killed again and again, and comes back at the same port."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from tests.server.running import ServerProcess

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MortalServer"]


class MortalServer:
    """`python -m augment_server`; use it with `with`.

    Attributes:
        target: Its address, which stays.
        kills: How often it was killed.
    """

    def __init__(self, models: Path) -> None:
        self._models = models
        self._process = ServerProcess(models, "--threads", "1")
        self._port = int(self._process.ready["port"])
        self._pool = ThreadPoolExecutor(1)
        self._coming: Future[ServerProcess] | None = None
        self.target = self._process.target
        self.kills = 0

    def kill(self) -> None:
        """Kill it as `kill -9` does, and start it anew; the call does not wait for that."""
        self.wait()
        self._process.kill()
        self.kills += 1
        self._coming = self._pool.submit(ServerProcess, self._models, "--threads", "1", port=self._port)

    def wait(self) -> None:
        """Wait until it is back."""
        if self._coming is not None:
            self._process = self._coming.result()
            self._coming = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self._process.kill()
        self._pool.shutdown()
