"""When a broken stream is taken up again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

from augment_client.errors import (
    CallCancelledError,
    ClientError,
    DeadlineError,
    OverloadedError,
    QuotaExceededError,
    ServerError,
    UnavailableError,
)
from augment_proto.reasons import Reason

__all__ = ["DEFAULT_RETRIES", "MAX_RETRIES", "Patience"]

DEFAULT_RETRIES = 10
MAX_RETRIES = 1_000
_FIRST_S, _LONGEST_S = 0.1, 5.0
_LONGEST_TOLD_S = 60.0
_OPENINGS = 3  # more attempts where no server answers, as gRPC makes them for other calls


@dataclass
class Patience:
    """Counts attempts in a row that brought nothing: exponential waits, half of each by chance.

    Attributes:
        retries: How many there may be; by default they take 13 to 26 seconds in all.
        replicas: How many servers there are: a stream that has not begun is tried once at each, at once,
            and three times more where none answers, or none was sent the request in time.
        failed: How many attempts there were.
    """

    retries: int = DEFAULT_RETRIES
    replicas: int = 1
    failed: int = 0

    def progressed(self) -> None:
        """Start counting anew: something came."""
        self.failed = 0

    def wait_s(self, error: ClientError, *, began: bool) -> float:
        """Return how long to wait before the next attempt, in seconds.

        Args:
            error: What the last one ended in.
            began: Whether the stream had begun.

        Raises:
            ClientError: `error` itself, where another attempt would not help.
        """
        if not began:
            return self._before_opening(error)
        if not _is_broken(error) or self.failed >= self.retries:
            raise error
        if isinstance(error, QuotaExceededError | OverloadedError) and error.retry_after_s is not None:
            self.failed += 1
            return min(error.retry_after_s, _LONGEST_TOLD_S)
        self.failed += 1
        return _waits_s(self.failed - 1)

    def _before_opening(self, error: ClientError) -> float:
        """Return the wait before a stream that has not begun is opened again: at once at the next replica."""
        around = self.failed - (self.replicas - 1)
        unheard = isinstance(error, UnavailableError) or _is_idle(error)
        if not (unheard or isinstance(error, OverloadedError)) or around >= (_OPENINGS if unheard else 0):
            raise error
        self.failed += 1
        return 0.0 if around < 0 else _waits_s(around)


def _waits_s(failed: int) -> float:
    longest = min(_LONGEST_S, _FIRST_S * 2.0**failed)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _is_idle(error: ClientError) -> bool:
    """Return whether the server cut this caller off because it neither sent nor read for long."""
    return isinstance(error, DeadlineError) and error.refusal.reason is Reason.IDLE


def _is_broken(error: ClientError) -> bool:
    """Return whether the connection or the server went away or had no time, rather than refused for good.

    A server cuts off who does not read for long; the stream goes on once it is read again.

    gRPC says INTERNAL or UNKNOWN of a connection cut in the middle of a message, without our reason.
    """
    if isinstance(error, UnavailableError | CallCancelledError | QuotaExceededError | OverloadedError):
        return True
    lost = isinstance(error, ServerError) and error.refusal.reason is Reason.UNSPECIFIED
    return lost or _is_idle(error)
