"""How many rows each client may have: a bucket that fills by the minute (token bucket)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

from augment_server.denials import QuotaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from augment_server.principals import Principal

__all__ = ["Bucket", "Buckets", "Quotas"]


@dataclass(frozen=True)
class Bucket:
    """One client's.

    Attributes:
        rows_per_minute: What it holds, and what it is filled with in a minute.
        level: The rows that were left when it was last filled; negative: owed.
        filled_s: When that was, by the monotonic clock.
    """

    rows_per_minute: int
    level: float
    filled_s: float

    @classmethod
    def full(cls, rows_per_minute: int, now_s: float) -> Self:
        """Return a new one."""
        return cls(rows_per_minute, float(rows_per_minute), now_s)

    def filled(self, now_s: float) -> Bucket:
        """Return it with what has run in since."""
        more = (now_s - self.filled_s) * self.rows_per_minute / 60
        level = min(self.rows_per_minute, self.level + more)
        return replace(self, level=level, filled_s=now_s)

    @property
    def is_full(self) -> bool:
        """Whether it says no more than a new one."""
        return self.level >= self.rows_per_minute

    def wait_s(self, rows: float) -> float:
        """Return how many seconds it takes until so many rows are in it."""
        return max(0.0, (rows - self.level) * 60 / self.rows_per_minute)


class Buckets(Protocol):
    """The buckets of all clients."""

    def change(self, name: str, change: Callable[[Bucket | None], Bucket]) -> Bucket:
        """Put what `change` makes of a client's bucket in its place, alone, and return it."""


_MOST_BUCKETS = 4096


class _OwnBuckets:
    """Of one process. Of very many, those that are full again are forgotten: names come from tokens too."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def change(self, name: str, change: Callable[[Bucket | None], Bucket]) -> Bucket:
        with self._lock:
            bucket = self._buckets[name] = change(self._buckets.get(name))
            self._buckets.move_to_end(name)
            for _ in range(2 if len(self._buckets) > _MOST_BUCKETS else 0):
                self._forget_one()
            return bucket

    def _forget_one(self) -> None:
        """Forget the bucket that was left alone the longest, if it is full again."""
        name, bucket = self._buckets.popitem(last=False)
        if not bucket.filled(time.monotonic()).is_full:
            self._buckets[name] = bucket


class Quotas:
    """Of all clients. A bucket holds one minute's rows; a call may overdraw it once.

    Args:
        buckets: Where they are; None: in this process alone.
    """

    def __init__(self, buckets: Buckets | None = None) -> None:
        self._buckets = buckets or _OwnBuckets()

    def admit(self, principal: Principal) -> None:
        """Refuse a caller that has nothing left.

        Raises:
            QuotaError: It says when to come again.
        """
        if principal.rows_per_minute is None:
            return
        wait_s = self._take(principal.name, principal.rows_per_minute, 0).wait_s(1)
        if wait_s > 0:
            raise QuotaError(principal.name, principal.rows_per_minute, wait_s)

    def spend(self, principal: Principal, rows: int) -> float:
        """Take rows, and return how many seconds it takes until nothing is owed: streams are paced by it."""
        if principal.rows_per_minute is None:
            return 0.0
        return self._take(principal.name, principal.rows_per_minute, rows).wait_s(0)

    def _take(self, name: str, rows_per_minute: int, rows: int) -> Bucket:
        def change(found: Bucket | None) -> Bucket:
            now_s = time.monotonic()
            if found is None or found.rows_per_minute != rows_per_minute:
                found = Bucket.full(rows_per_minute, now_s)
            filled = found.filled(now_s)
            return replace(filled, level=filled.level - rows)

        return self._buckets.change(name, change)
