"""Callers: threads that call a server over and over and count what comes back."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from augment_client import Client, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Callers", "Counted", "reconstructing"]

_ROWS = 16


@dataclass
class Counted:
    """What came of the calls of some threads.

    Attributes:
        seconds: How long each good call took.
        failures: What the others ended in.
        late: Calls that began more than 50 ms after they were due.
    """

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    late: int = 0

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile of the times."""
        return float(np.percentile(self.seconds, percent)) * 1000 if self.seconds else float("nan")


class Callers:
    """Threads that call until told to stop.

    Args:
        call: One call; raises ClientError where it fails.
        threads: How many.
        per_second: Calls begun a second by all together; None: each as soon as its last one ended.
    """

    def __init__(self, call: Callable[[int], None], threads: int, per_second: float | None = None) -> None:
        self.counted = Counted()
        self._call = call
        self._interval_s = None if per_second is None else threads / per_second
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(threads)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> Counted:
        """End after the calls in flight; return what came of all."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.counted

    def _run(self, seed: int) -> None:
        due = time.monotonic() + (self._interval_s or 0.0) * seed / max(1, len(self._threads))
        while not self._stop.is_set():
            if self._interval_s is not None:
                self._stop.wait(max(0.0, due - time.monotonic()))
                self.counted.late += time.monotonic() - due > 0.05  # noqa: PLR2004 - as the docstring says
                due = max(due + self._interval_s, time.monotonic() - self._interval_s)
            began = time.monotonic()
            try:
                self._call(seed)
            except ClientError as error:
                self.counted.failures.append(f"{type(error).__name__}: {error}")
            else:
                self.counted.seconds.append(time.monotonic() - began)


def reconstructing(client: Client, name: str) -> Callable[[int], None]:
    """Return a unary call: 16 records through the model and back."""
    records = client.generate(name, _ROWS, seed=1)

    def call(_seed: int) -> None:
        if client.reconstruct(name, records).records.num_rows != _ROWS:
            raise AssertionError("rows are missing")

    return call
