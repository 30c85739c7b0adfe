"""Reads a bundle's files once each, through the directory's descriptor: no link, no surprise, no growth."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from augment.errors import BundleCorruptError, BundleUnsafeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["entries_of", "opened_directory", "read_entry"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """Give a descriptor of the directory, so that what is read later is inside this very directory.

    Raises:
        BundleUnsafeError: `path` is a link.
        BundleCorruptError: `path` is no directory or cannot be read.
    """
    if path.is_symlink():
        raise BundleUnsafeError(path, "a bundle must be a directory, got a link")
    try:
        descriptor = os.open(path, _DIRECTORY)
    except OSError as exc:
        raise BundleCorruptError(path, f"must be a readable directory: {exc.strerror}") from exc
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def entries_of(descriptor: int, path: Path) -> set[str]:
    """Return the names in the directory.

    Raises:
        BundleUnsafeError: One of them is a link, a directory or no regular file.
    """
    with os.scandir(descriptor) as entries:
        found = list(entries)
    for entry in found:
        if not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            raise BundleUnsafeError(path, f"{entry.name!r} must be a regular file, not a link or a directory")
    return {entry.name for entry in found}


def read_entry(descriptor: int, path: Path, name: str, max_bytes: int) -> bytes:
    """Return the bytes of one file, read once.

    Raises:
        BundleCorruptError: It is missing, cannot be read, or has more than `max_bytes`.
        BundleUnsafeError: It is no regular file.
    """
    try:
        with os.fdopen(os.open(name, _FILE, dir_fd=descriptor), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BundleUnsafeError(path, f"{name!r} must be a regular file")
            data = file.read(max_bytes + 1)
    except FileNotFoundError as exc:
        raise BundleCorruptError(path, f"{name} is missing") from exc
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise BundleUnsafeError(path, f"{name!r} must be a regular file, not a link") from exc
        raise BundleCorruptError(path, f"{name} cannot be read: {exc.strerror}") from exc
    if len(data) > max_bytes:
        raise BundleCorruptError(path, f"{name} must have at most {max_bytes} bytes")
    return data
