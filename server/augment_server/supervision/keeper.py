"""Keeps one worker process running."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from augment.errors import AugmentError
from augment_server.logs import get_logger
from augment_server.supervision.orders import HURRY, STOP, Order, Report
from augment_server.supervision.pulse import Pulse
from augment_server.supervision.shares import cpus_of, share_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from augment_server.settings import Settings
    from augment_server.supervision.journal import Journal

__all__ = ["Keeper", "WorkerError"]

_MODULE = "augment_server.supervision"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 30.0
_STEADY_S = 60.0
"""A worker that has run for so long is no reason to wait before the next one."""


class WorkerError(AugmentError):
    """A worker did not get ready."""


class Keeper:
    """Starts a worker, and another whenever it ends, after waits that double from 0.1 to 30 s.

    One that gives no sign of life for as long as the settings say is ended, and so is one that takes longer
    than they say to get ready.

    Args:
        index: The worker's number, from 0.
        settings: Those of the whole server, with a port that is not 0.
        cpus: Those of the whole server.
        quotas_in: The descriptor of the file with the quotas of all workers.
        journal: What the operator changed.

    Attributes:
        index: The worker's number.
        report: Where the worker is; None: it is not ready.
        restarts: How often it was started anew.
    """

    def __init__(self, index: int, settings: Settings, cpus: int, quotas_in: int, journal: Journal) -> None:
        self.index = index
        self.report: Report | None = None
        self.restarts = 0
        self._hang_s = settings.hang_s
        self._start_s = settings.start_s
        self._pulse: Pulse | None = None
        self._share = share_of(settings, index, cpus)
        self._environment = _environment(cpus_of(index, settings.workers, cpus))
        self._quotas_in = quotas_in
        self._journal = journal
        self._process: asyncio.subprocess.Process | None = None
        self._ending = asyncio.Event()

    async def start(self) -> Report:
        """Start the worker, anew where it hangs; return once it serves.

        Raises:
            WorkerError: It does not. Its process has ended.
        """
        changes = self._journal.changes
        try:
            report = await self._begin()
            while report is None and not self._ending.is_set():
                self.restarts += 1
                changes = self._journal.changes
                report = await self._begin()
        except OSError as error:
            raise WorkerError(f"worker {self.index} cannot be started: {error.strerror}") from error
        if report is None:
            raise WorkerError(f"worker {self.index} was to end before it was ready")
        if report.error:
            self.kill()
            await self._wait()
            raise WorkerError(report.error)
        self.report = report
        if changes != self._journal.changes:
            self._send(STOP)
            await self._wait()
            raise WorkerError("the operator changed the models meanwhile")
        return report

    async def keep(self) -> None:
        """Start the worker anew whenever it ends, until `end`."""
        wait_s = _FIRST_WAIT_S
        while True:
            began_s = time.monotonic()
            code = await self._end_of_it()
            if self._ending.is_set():
                return
            get_logger().error("worker ended", worker=self.index, exit_code=code)
            wait_s = _FIRST_WAIT_S if time.monotonic() - began_s >= _STEADY_S else wait_s
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), wait_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
                return
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            self.restarts += 1
            try:
                await self.start()
            except WorkerError as error:
                get_logger().error("worker not ready", worker=self.index, reason=str(error))

    def end(self) -> None:
        """Let the worker finish what it does; one that is not ready ends at once."""
        self._ending.set()
        if self.report is None:
            self._terminate()
        else:
            self._send(STOP)

    def hurry(self) -> None:
        """Let it end now."""
        self._send(HURRY)

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _end_of_it(self) -> int | None:
        """Return the exit code of a worker that ended by itself, or had to be ended because it hangs."""
        watching = asyncio.create_task(self._watch())
        try:
            return await self._wait()
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        if self._pulse is not None and self.report is not None:
            await self._pulse.lost(self._hang_s)
            get_logger().error("worker hangs", worker=self.index, silent_s=self._hang_s)
            self.kill()

    async def _begin(self) -> Report | None:
        """Start the process and return what it reports; None: nothing in time, and it was killed."""
        reading, report_to = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *_command(),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(report_to, self._quotas_in),
                env=self._environment,
                start_new_session=True,  # of a terminal's signals the supervisor alone is told
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(report_to)
        self._send(self._order(report_to).model_dump_json().encode() + b"\n")
        if self._ending.is_set():
            self._terminate()
        if self._pulse is not None:
            self._pulse.close()
        self._pulse = await Pulse.open(reading)
        try:
            line = await self._pulse.report(self._start_s)
        except TimeoutError:
            get_logger().error("worker hangs while it starts", worker=self.index, start_s=self._start_s)
            self.kill()
            await self._wait()
            return None
        if line:
            return Report.model_validate_json(line)
        code = await self._wait()
        return Report(error=f"worker {self.index} ended with exit code {code} before it was ready")

    def _order(self, report_to: int) -> Order:
        return Order(
            index=self.index,
            settings=self._share,
            report_to=report_to,
            quotas_in=self._quotas_in,
            held=sorted(self._journal.held),
            withdrawn=sorted(self._journal.withdrawn),
        )

    async def _wait(self) -> int | None:
        """Wait for the process's end; None where there never was one."""
        code = await self._process.wait() if self._process is not None else None
        self.report = None
        return code

    def _terminate(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def _send(self, line: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line)


def _command() -> list[str]:
    """Return the command of a worker, which looks for modules where this process does."""
    here = str(Path.cwd())
    safe = [] if here in sys.path or "" in sys.path else ["-P"]
    return [sys.executable, *safe, "-m", _MODULE]


def _environment(cpus: int) -> Mapping[str, str]:
    """Return the variables of a worker: the pools of Arrow and BLAS would follow the host's CPUs."""
    return {"OMP_NUM_THREADS": str(cpus), **os.environ}
