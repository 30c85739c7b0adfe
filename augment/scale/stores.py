"""Where a step's files go: a directory here, or a place in an object store. A file is there whole or not."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from augment.bundle.publishing import remedy_of
from augment.errors import AugmentError, PublishError, StepError
from augment.urls import file_system, is_url, require_there

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

__all__ = ["LOCK", "UNFINISHED", "LocalStore", "RemoteStore", "Store", "store_at"]

LOCK = "_lock"
UNFINISHED = ".tmp-"


class Store(Protocol):
    """A flat place of small and middling files. Every method raises PublishError where the place fails."""

    def names(self) -> list[str]:
        """Return the names of the files, and of whatever else lies there."""

    def sizes(self) -> dict[str, int]:
        """Return how many bytes each file has."""

    def read(self, name: str) -> bytes | None:
        """Return a file; None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Have a file there, whole, in the place of an earlier one."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, those of them that are there."""

    def held(self) -> AbstractContextManager[None]:
        """Hold the place for one run, where that can be done; a StepError where another run holds it."""


def store_at(path: str) -> Store:
    """Return the store at a path or a URL.

    Raises:
        RequestError: No installed package writes to such a URL.
    """
    if not is_url(path):
        return LocalStore(Path(path))
    return RemoteStore(*file_system(path, "output"), url=path)


class LocalStore:
    """A directory. Files are written beside their place, synced to the disk, and renamed.

    Args:
        root: Made when the place is held.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        """Return what lies there; nothing where there is no directory."""
        with self._working():
            try:
                return sorted(each.name for each in self._root.iterdir())
            except FileNotFoundError:
                return []

    def sizes(self) -> dict[str, int]:
        """Return how many bytes each file has."""
        with self._working():
            try:
                with os.scandir(self._root) as found:
                    return {each.name: each.stat().st_size for each in found}
            except FileNotFoundError:
                return {}

    def read(self, name: str) -> bytes | None:
        """Return a file; None where there is none."""
        with self._working():
            try:
                return (self._root / name).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Have a file there, and on the disk."""
        temporary = self._root / f"{UNFINISHED}{name}-{secrets.token_hex(4)}"
        with self._working():
            try:
                with temporary.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self._root / name)
                self._sync()
            finally:
                temporary.unlink(missing_ok=True)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files."""
        with self._working():
            for name in names:
                (self._root / name).unlink(missing_ok=True)
            self._sync()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory; the system lets go of it when the process ends, however it ends.

        What a run that was killed had not finished is removed.
        """
        with self._working():
            self._root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._lock(descriptor)
            self.remove(name for name in self.names() if name.startswith(UNFINISHED))
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 4096, 0).decode(errors="replace").strip() or "another process"
            raise StepError(
                f"output {self._root} must be one run's at a time: held by {owner}. "
                "Wait for it to end, or end it: what it has made is kept"
            ) from None
        with self._working():
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)

    def _sync(self) -> None:
        """Have the directory's entries on the disk."""
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _working(self) -> Iterator[None]:
        with _told(str(self._root)):
            yield


class RemoteStore:
    """A place that fsspec writes to. Each file is put at once: stores show it when it is whole.

    Nobody can hold such a place. Two runs of one plan write the same bytes under the same names; of
    another plan, each part says which run it is of.

    Args:
        system: The file system.
        root: The path in it.
        url: As the user wrote it.
    """

    def __init__(self, system: Any, root: str, *, url: str) -> None:
        self._system = system
        self._root = root
        self._url = url

    def names(self) -> list[str]:
        """Return what lies there."""
        return sorted(self.sizes())

    def sizes(self) -> dict[str, int]:
        """Return how many bytes each file has."""
        with _told(self._url):
            self._system.invalidate_cache()
            try:
                found = self._system.ls(self._root, detail=True)
            except FileNotFoundError:
                return {}
        sizes = {
            str(each["name"]).rstrip("/").removeprefix(self._root).strip("/"): int(each["size"] or 0)
            for each in found
        }
        return {name: size for name, size in sizes.items() if name}

    def read(self, name: str) -> bytes | None:
        """Return a file; None where there is none."""
        with _told(self._url):
            try:
                data: bytes = self._system.cat_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return None
        return data

    def write(self, name: str, data: bytes) -> None:
        """Put a file."""
        with _told(self._url):
            self._system.pipe_file(f"{self._root}/{name}", data)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files."""
        there = set(self.names())
        with _told(self._url):
            for name in names:
                if name in there:
                    self._system.rm_file(f"{self._root}/{name}")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold nothing."""
        yield


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Turn what a file system raises into an error that says where and what to do."""
    try:
        yield
    except (AugmentError, GeneratorExit):
        raise
    except Exception as exc:
        require_there(place, exc)
        if not isinstance(exc, OSError):
            raise
        where = exc.filename if isinstance(exc.filename, str) else place
        remedy = remedy_of(exc, "Mend this, then run the step again")
        raise PublishError(
            f"output {where}: {exc.strerror or exc}. {remedy}; what is made so far is kept"
        ) from exc
