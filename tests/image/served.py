"""The image's server at work: in a sandbox over buildah's mount, or as docker's container."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from container.engines import Buildah, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from container.engines import Engine

__all__ = ["PYTHON", "USER", "Served", "served"]

PYTHON = "/opt/augment/bin/python"
USER = "65532:65532"
_SANDBOX = Path(__file__).with_name("sandbox.sh")
_WAIT_S = 60.0


class Served(Protocol):
    """A server that runs from the image, read-only and as a non-root user, until `stop`."""

    target: str

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command under the same conditions."""

    def stop(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit code."""


@contextmanager
def served(engine: Engine, image: str, models: Path) -> Iterator[Served]:
    """Run the image's own entry point, whatever it is, over a models directory mounted read-only."""
    if not isinstance(engine, Buildah):
        container = _Container(image, models)
        try:
            yield container
        finally:
            run("docker", "rm", "--force", container.name)
        return
    with engine.mounted(image) as root:
        sandboxed = _Sandboxed(root, models, engine.config(image))
        try:
            yield sandboxed
        finally:
            sandboxed.kill()


class _Sandboxed:
    """A process in the sandbox; it shares this machine's loopback, where it takes a free port."""

    def __init__(self, root: Path, models: Path, config: dict[str, Any]) -> None:
        place = (str(root), str(models), config["User"])
        self._command = (
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "/bin/sh",
            str(_SANDBOX),
            *place,
        )
        path = {"PATH": os.environ["PATH"]}
        self._environment = dict(entry.split("=", 1) for entry in config["Env"]) | path
        given = {"AUGMENT_HOST": "127.0.0.1", "AUGMENT_PORT": "0"}
        self._process = subprocess.Popen(  # noqa: S603 - the image's words
            [*self._command, *config["Entrypoint"]],
            env=self._environment | given,
            stderr=subprocess.PIPE,
            text=True,
        )
        ready = self._ready()
        self._environment |= {"AUGMENT_PORT": str(ready["port"])}
        self.target = f"127.0.0.1:{ready['port']}"

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command in the same root."""
        return subprocess.run(  # noqa: S603 - the test's words
            [*self._command, *command], env=self._environment, capture_output=True, text=True, check=False
        )

    def stop(self) -> int:
        """Signal process 1 of the namespace; `unshare` then ends with its exit code."""
        return self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, if it still runs."""
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for child in children.read_text(encoding="utf-8").split():
            os.kill(int(child), number)
        self._process.communicate(timeout=_WAIT_S)
        return self._process.returncode

    def _ready(self) -> dict[str, Any]:
        assert self._process.stderr is not None
        lines = []
        for line in self._process.stderr:
            lines.append(line)
            if line.startswith("{") and json.loads(line)["event"] == "ready":
                found: dict[str, Any] = json.loads(line)
                return found
        raise AssertionError(f"the server ended: {''.join(lines)}")


class _Container:
    """A container with the flags that a careful operator gives."""

    def __init__(self, image: str, models: Path) -> None:
        hardened = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
        mounted = ("--volume", f"{models}:/models:ro", "--publish", "127.0.0.1::50051")
        self.name = run("docker", "run", "--detach", *hardened, *mounted, image).strip()
        self.target = run("docker", "port", self.name, "50051/tcp").splitlines()[0].strip()
        until = time.monotonic() + _WAIT_S
        while self.execute(PYTHON, "-m", "augment_server.probe").returncode:
            assert time.monotonic() < until, run("docker", "logs", self.name)
            time.sleep(0.5)

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command in the container."""
        words = ["docker", "exec", self.name, *command]
        return subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - the test's words

    def stop(self) -> int:
        """Let docker send SIGTERM."""
        run("docker", "stop", "-t", str(int(_WAIT_S)), self.name)
        return int(run("docker", "wait", self.name))
