"""The hidden directories that publishers write to, and how to tell a dead publisher's from a live one's.

A publisher holds a lock (flock) on its directory. The system lets go of it when the process ends,
however it ends, so a hidden directory without a lock is a leftover: no clock is asked.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["TEMPORARY_PREFIX", "locked_directory", "remove_leftovers"]

TEMPORARY_PREFIX = ".publish-"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def locked_directory(path: Path) -> Iterator[None]:
    """Make the directory `path` and hold its lock.

    Another publisher may take a directory for a leftover in the moment between making and locking;
    then it is gone before it is opened, or once the lock is ours, and is made again.
    """
    while True:
        path.mkdir()
        try:
            descriptor = os.open(path, _DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            break
        os.close(descriptor)
    try:
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(model_dir: Path) -> None:
    """Remove the directories of publishers that ended without cleaning up."""
    for path in model_dir.glob(f"{TEMPORARY_PREFIX}*"):
        try:
            descriptor = os.open(path, _DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
