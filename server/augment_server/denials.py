"""Refusals of callers rather than of what they ask; gRPC's and ours."""

from __future__ import annotations

from augment.errors import AugmentError

__all__ = ["IdleError", "NotAllowedError", "OverloadedError", "QuotaError", "UnauthenticatedError"]


class UnauthenticatedError(AugmentError):
    """Nobody knows who calls: no credentials, or such as are wrong or have expired."""


class NotAllowedError(AugmentError):
    """The caller is known and may not do this."""


class QuotaError(AugmentError):
    """The caller has used up its rows for now.

    Args:
        client: Whose quota.
        rows_per_minute: The quota.
        retry_after_s: When the next call may succeed.
    """

    def __init__(self, client: str, rows_per_minute: int, retry_after_s: float) -> None:
        super().__init__(f"quota of {rows_per_minute} rows a minute is used up")
        self.client = client
        self.rows_per_minute = rows_per_minute
        self.retry_after_s = retry_after_s


class OverloadedError(AugmentError):
    """More is there than this server takes on.

    Args:
        why: What there is so much of, e.g. `7 computations wait`.
        retry_after_s: When the next call may succeed.
    """

    def __init__(self, why: str, retry_after_s: float) -> None:
        super().__init__(f"the server is busy: {why}")
        self.retry_after_s = retry_after_s


class IdleError(AugmentError):
    """The caller had its turn, and neither sent nor read for too long."""
