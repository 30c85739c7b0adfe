"""How many rows each client may have: a bucket that fills by the minute (token bucket)."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from augment_server.denials import QuotaError

if TYPE_CHECKING:
    from augment_server.principals import Principal

__all__ = ["Quotas"]


class _Bucket:
    def __init__(self, rows_per_minute: int) -> None:
        self.rows_per_minute = rows_per_minute
        self._level = float(rows_per_minute)
        self._filled_s = time.monotonic()

    def level(self) -> float:
        """Return the rows that are left; negative: owed."""
        now = time.monotonic()
        more = (now - self._filled_s) * self.rows_per_minute / 60
        self._level, self._filled_s = min(self.rows_per_minute, self._level + more), now
        return self._level

    def take(self, rows: int) -> None:
        self._level -= rows


class Quotas:
    """Of all clients, in this process. A bucket holds one minute's rows; a call may overdraw it once."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def admit(self, principal: Principal) -> None:
        """Refuse a caller that has nothing left.

        Raises:
            QuotaError: It says when to come again.
        """
        if principal.rows_per_minute is None:
            return
        with self._lock:
            bucket = self._bucket(principal)
            level = bucket.level()
        if level < 1:
            wait_s = (1 - level) * 60 / bucket.rows_per_minute
            raise QuotaError(principal.name, bucket.rows_per_minute, wait_s)

    def spend(self, principal: Principal, rows: int) -> float:
        """Take rows, and return how many seconds it takes until nothing is owed: streams are paced by it."""
        if principal.rows_per_minute is None:
            return 0.0
        with self._lock:
            bucket = self._bucket(principal)
            bucket.take(rows)
            return max(0.0, -bucket.level() * 60 / bucket.rows_per_minute)

    def _bucket(self, principal: Principal) -> _Bucket:
        found = self._buckets.get(principal.name)
        quota = principal.rows_per_minute or 1
        if found is None or found.rows_per_minute != quota:
            found = self._buckets[principal.name] = _Bucket(quota)
        return found
