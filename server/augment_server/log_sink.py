"""Where lines of the log go: to standard error, and no call waits for whoever reads it, or does not."""

from __future__ import annotations

import json
import os
import select
import stat
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["LogSink", "to_stderr"]

_PATIENCE_S = 0.25


class LogSink:
    """Writes lines to a stream, and loses those that cannot be written: the disk is full, a pipe is.

    A pipe that nobody empties holds 64 KiB, some hundred lines, and whoever writes more into it waits for
    ever. Here a slow reader has a moment, once, until it reads again; then a line says how many were lost.

    Args:
        stream: The stream, e.g. `sys.stderr`.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._pipe = _pipe_of(stream)
        self._poll = select.poll()
        if self._pipe is not None:
            self._poll.register(self._pipe, select.POLLOUT)
        self._lock = threading.Lock()
        self._is_stalled = False
        self._lost = 0
        self._cut = b""

    def msg(self, line: str) -> None:
        """Write a line, if that is possible."""
        with self._lock, suppress(OSError, ValueError):
            if self._pipe is None:
                self.stream.write(f"{line}\n")
                self.stream.flush()
            else:
                self._put(self._pipe, line)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg

    def _put(self, pipe: int, line: str) -> None:
        if self._lost:
            told = {"event": "lines of the log were lost: nobody read them", "lines": self._lost}
            if not self._written(pipe, json.dumps({**told, "level": "warning"})):
                self._lost += 1
                return
            self._lost = 0
        if not self._written(pipe, line):
            self._lost += 1

    def _written(self, pipe: int, line: str) -> bool:
        """Write a line; returns whether all of it is there. One that was cut off is ended before the next."""
        data = self._cut + f"{line}\n".encode(errors="replace")
        ends_s = time.monotonic() + (0 if self._is_stalled else _PATIENCE_S)
        rest = data
        while rest and self._poll.poll(max(0.0, ends_s - time.monotonic()) * 1000):
            with suppress(BlockingIOError):  # another process was faster
                rest = rest[os.write(pipe, rest[: select.PIPE_BUF]) :]
        self._is_stalled = bool(rest)
        if len(rest) < len(data):
            self._cut = b"\n" if rest else b""
        return not rest


def _pipe_of(stream: TextIO) -> int | None:
    """Return a descriptor of the pipe that a stream is; None: it is none.

    It is one that does not wait, of this process alone: the stream's own is shared with whoever started the
    process, and stays as it is. Where the system gives none, that is asked first whether it would wait.
    """
    try:
        number = stream.fileno()
        if not stat.S_ISFIFO(os.fstat(number).st_mode):
            return None
    except (OSError, ValueError):  # closed, or no file at all
        return None
    with suppress(OSError):
        return os.open(f"/proc/self/fd/{number}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return number


_sink: LogSink | None = None


def to_stderr(*_: object) -> LogSink:
    """Return the sink of what standard error is now: a caller in the same process may have put it back."""
    global _sink  # noqa: PLW0603 - one a process, as standard error is
    sink = _sink
    if sink is None or sink.stream is not sys.stderr:
        sink = _sink = LogSink(sys.stderr)
    return sink
