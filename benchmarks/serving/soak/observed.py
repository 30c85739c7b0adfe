"""What the system and the server itself say of its memory, threads, files and tasks."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from serving.processes import ServedProcess
from serving.soak.served import LEAK, TASKS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Counts", "Samples", "Soaked"]

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Counts:
    """What there is of things that must not pile up.

    Attributes:
        threads: Of the process.
        files: Its open file handles, sockets among them.
        tasks: Of its event loop.
        calls: Being answered.
        waiting: Computations in the queue.
    """

    threads: int
    files: int
    tasks: int
    calls: int
    waiting: int

    def beyond(self, other: Counts) -> dict[str, int]:
        """Return what there is more of than in `other`, by how much."""
        mine, others = asdict(self), asdict(other)
        return {name: mine[name] - others[name] for name in mine if mine[name] > others[name]}


class Soaked(ServedProcess):
    """A server in a process of its own that tells its tasks.

    Args:
        models: The models directory.
        scratch: Where its log goes.
        leak_bytes: What it keeps of each request.
        flags: More of the server's flags.
    """

    def __init__(self, models: Path, scratch: Path, leak_bytes: int, *flags: str) -> None:
        self._tasks_file = scratch / "tasks.json"
        variables = {LEAK: str(leak_bytes), TASKS_FILE: str(self._tasks_file)}
        flags = ("--metrics-port", "0", *flags)
        log = scratch / "log"
        super().__init__(models, log, *flags, module="serving.soak.served", variables=variables)

    def memory_mib(self) -> tuple[float, float]:
        """Return what is resident, and how much of it is no file's."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        found = {line.partition(":")[0]: line.split()[1] for line in lines if "kB" in line}
        return int(found["VmRSS"]) / 1024, int(found["RssAnon"]) / 1024

    def requests(self) -> int:
        """Return how many calls it has answered."""
        return int(sum(self._values("augment_requests_total")))

    def counts(self) -> Counts:
        """Return what there is now."""
        return Counts(
            threads=len(os.listdir(f"/proc/{self.pid}/task")),  # noqa: PTH208 - no paths wanted
            files=len(os.listdir(f"/proc/{self.pid}/fd")),  # noqa: PTH208 - likewise
            tasks=sum(self.tasks().values()),
            calls=int(sum(self._values("augment_calls_in_flight"))),
            waiting=int(sum(self._values("augment_queue_depth"))),
        )

    def tasks(self) -> dict[str, int]:
        """Return the event loop's tasks by what they run."""
        self._tasks_file.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        limit = time.monotonic() + _PATIENCE_S
        while not self._tasks_file.exists():
            if time.monotonic() > limit:
                raise SystemExit("the server's event loop does not answer")
            time.sleep(0.02)
        found: dict[str, int] = json.loads(self._tasks_file.read_text())
        return found

    def settled(self, wanted: Counts | None = None) -> Counts:
        """Return the counts once nothing is in flight, or no more than wanted; in a minute at the latest."""
        limit = time.monotonic() + _PATIENCE_S
        while time.monotonic() < limit:
            found = self.counts()
            busy = found.calls or found.waiting if wanted is None else found.beyond(wanted)
            if not busy:
                return found
            time.sleep(1)
        return self.counts()

    def _values(self, name: str) -> Iterator[float]:
        url = f"http://127.0.0.1:{self.ready['metrics_port']}/metrics"
        with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith((f"{name} ", f"{name}{{")):
                    yield float(line.rsplit(" ", 1)[1])


@dataclass
class Samples:
    """Memory again and again, on a thread of its own, until the end of `with`.

    Attributes:
        server: Whose.
        every_s: Seconds between two looks.
        requests: Answered so far, at each look.
        resident: MiB.
        anonymous: MiB of those that are no file's.
    """

    server: Soaked
    every_s: float
    requests: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    anonymous: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self.every_s):
            count = self.server.requests()
            resident, anonymous = self.server.memory_mib()
            self.requests.append(count)
            self.resident.append(resident)
            self.anonymous.append(anonymous)
