"""Buckets of several processes, in a file that all have in memory."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from augment_server.quotas import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SharedBuckets", "shared_file"]

_SLOT = struct.Struct("<16sqdd")
"""Hash of the client's name, rows a minute, level, time of the last filling. No name is no hash: zeros."""

_SLOTS, _REACH = 65_536, 32
_BYTES = _SLOTS * _SLOT.size


def shared_file() -> int:
    """Return the descriptor of a file for buckets, in memory where the system can; it has no name."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("augment-quotas")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, _BYTES)
    return descriptor


class SharedBuckets:
    """A hash table of 65,536 slots, 2.5 MiB. Its methods may be called from any thread.

    A name may lie in any of 32 slots from that of its hash on. Where all are taken, it gets the one that was
    longest left alone, which is full again but for a client that owed more than a minute's rows.

    A process that is killed gives its lock back: the system holds it for the process.

    Args:
        descriptor: That of `shared_file`, or one that was inherited; it is closed with the process.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _BYTES)
        self._lock = threading.Lock()

    def change(self, name: str, change: Callable[[Bucket | None], Bucket]) -> Bucket:
        """Put what `change` makes of a client's bucket in its place, alone, and return it."""
        key = hashlib.blake2b(name.encode(), digest_size=16).digest()
        with self._locked():
            place, found = self._find(key)
            bucket = change(found)
            _SLOT.pack_into(self._memory, place, key, bucket.rows_per_minute, bucket.level, bucket.filled_s)
        return bucket

    def _find(self, key: bytes) -> tuple[int, Bucket | None]:
        """Return where a name's bucket is, or is to be."""
        first = int.from_bytes(key[:4], "little")
        oldest_s, oldest = float("inf"), 0
        for slot in range(first, first + _REACH):
            place = slot % _SLOTS * _SLOT.size
            there, rows_per_minute, level, filled_s = _SLOT.unpack_from(self._memory, place)
            if there == key:
                return place, Bucket(rows_per_minute, level, filled_s)
            if filled_s < oldest_s:  # of an empty slot it is 0
                oldest_s, oldest = filled_s, place
        return oldest, None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep out other threads, then other processes: a lock of the file is the whole process's."""
        with self._lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
