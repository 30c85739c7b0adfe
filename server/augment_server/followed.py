"""What is read from files that may change while the server runs."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Generic, TypeVar

from augment_server.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["Followed"]

_T = TypeVar("_T")


class Followed(Generic[_T]):
    """The last good contents of files. Garbage is refused once; what cannot be read now is tried again.

    Args:
        what: What they hold, for the log, such as `clients`.
        paths: The files.
        read: Reads them all. A ValueError or SSLError says that they are garbage, an OSError, or an error
            that was raised from one, that they cannot be read now: no file handles are left, say.

    Attributes:
        current: What was read last.

    Raises:
        OSError: They cannot be read.
        ValueError: They are garbage.
    """

    def __init__(self, what: str, paths: Iterable[Path], read: Callable[[], _T]) -> None:
        self._what = what
        self._paths = tuple(paths)
        self._read = read
        self._stamp = self._look()
        self._told = ""
        self.current = read()

    def changed(self) -> bool:
        """Look at the files; return whether `current` is another one now."""
        stamp = self._look()
        if stamp == self._stamp:
            self._told = ""
            return False
        try:
            self.current = self._read()
        except (OSError, ValueError) as error:
            if _is_passing(error):  # the old stamp stays, so that the next look tries again
                self._tell_once("cannot be read now", str(error))
            else:
                self._stamp = stamp
                self._tell_once("refused", str(error))
            return False
        self._stamp, self._told = stamp, ""
        get_logger().info(f"{self._what} read")
        return True

    def _tell_once(self, trouble: str, reason: str) -> None:
        if self._told != reason:
            get_logger().error(f"{self._what} {trouble}, the last good ones stay", reason=reason)
        self._told = reason if trouble != "refused" else ""

    def _look(self) -> tuple[object, ...]:
        return tuple(map(_stamp_of, self._paths))


def _is_passing(error: Exception) -> bool:
    cause = error.__cause__ or error
    return isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError)


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
