"""Real servers for tests: one in a thread of this process, one in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc

from augment_proto.reasons import SERVICE
from augment_server import Registry, Server, Settings

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

__all__ = ["ServerProcess", "ServerThread", "environment", "settings", "threaded_server"]

_PATHS = ("", "protos", "server", "client")


def settings(models: Path, **changes: Any) -> Settings:
    """Return settings for a test: a free port, one thread."""
    return Settings(models=models, **({"port": 0, "threads": 1, "grace_s": 5.0, "watch_s": 0} | changes))


class ServerThread:
    """A server on an event loop of its own in a thread of this process."""

    def __init__(self, options: Settings, registry: Registry) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.server: Server = self.run(Server.start(options, registry))
        self.target = f"127.0.0.1:{self.server.port}"

    def call(self, method: str, request: Any, answer: Any = None, service: str = SERVICE) -> Any:
        """Return what one method answers; `request` may be bytes, and `answer` reads the answer."""
        with grpc.insecure_channel(self.target) as channel:
            path = f"/{service}/{method}"
            body = request if isinstance(request, bytes) else request.SerializeToString()
            unary: Any = channel.unary_unary(path, None, answer)
            streamed: Any = channel.unary_stream(path, None, answer)
            return list(streamed(body)) if method == "Generate" else unary(body)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what a coroutine returns on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def stop(self) -> None:
        """Stop the server, then its loop."""
        self.run(self.server.stop(grace_s=0))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@contextmanager
def threaded_server(models: Path, registry: Any = None, **changes: Any) -> Iterator[ServerThread]:
    """Run a server in a thread."""
    options = settings(models, **changes)
    server = ServerThread(options, registry or Registry.open(options))
    try:
        yield server
    finally:
        server.stop()


def environment(**changes: str) -> dict[str, str]:
    """Return an environment in which a new Python finds the packages of this repository."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    paths = [os.path.join(root, path) for path in _PATHS]  # noqa: PTH118
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", **changes}


class ServerProcess:
    """`python -m augment_server`, on a free port unless one is said; `ready` holds its ready line."""

    def __init__(self, models: Path, *flags: str, port: int = 0, **variables: str) -> None:
        command = [
            sys.executable,
            "-m",
            "augment_server",
            "--models",
            str(models),
            "--port",
            str(port),
            *flags,
        ]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, env=environment(**variables), stderr=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ready = self.wait_for("ready")
        self.target = f"127.0.0.1:{self.ready['port']}"

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def finish(self, timeout_s: float = 30.0) -> int:
        """Wait for its end and that of all its workers, and return its exit code."""
        self._reader.join(timeout_s)
        assert not self._reader.is_alive(), "something of it still has its standard error"
        return self._process.wait(timeout_s)

    def wait_for(self, event: str, count: int = 1, **facts: Any) -> dict[str, Any]:
        """Return a line of the log, once it is there so many times."""
        deadline = time.monotonic() + 60
        while self._reader.is_alive() and time.monotonic() < deadline:
            if len(found := self.told(event, **facts)) >= count:
                return found[-1]
            time.sleep(0.01)
        if len(found := self.told(event, **facts)) >= count:
            return found[-1]
        raise AssertionError(f"the server ended without {event!r}: {self.lines}")

    def told(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """Return the lines of the log for an event."""
        return [line for line in self.lines[:] if line.items() >= {"event": event, **facts}.items()]

    def kill(self) -> None:
        """End it now, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        self._reader.join(30)

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.startswith("{"):
                self.lines.append(json.loads(line))
