"""What libraries tell by Python's own logging, as lines of this log."""

from __future__ import annotations

import logging
import time

import structlog

__all__ = ["LibraryLines"]

_AGAIN_S = 300.0
_MOST = 100


class LibraryLines(logging.Handler):
    """Passes on what is a warning or worse; what differs in its values alone, once in five minutes."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told_s: dict[tuple[str, str], float] = {}

    @classmethod
    def take(cls, name: str) -> None:
        """Have all loggers of a package write here, and nowhere else."""
        logger = logging.getLogger(name)
        logger.handlers = [cls()]
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless that was told just now."""
        kind, now_s = (record.name, str(record.msg)), time.monotonic()
        if now_s - self._told_s.get(kind, -_AGAIN_S) < _AGAIN_S:
            return
        if len(self._told_s) >= _MOST:
            self._told_s.clear()
        self._told_s[kind] = now_s
        facts = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, **facts)
