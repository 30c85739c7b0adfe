"""Where bundles lie. An error of reading is never taken for a removal."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from augment.bundle.limits import NAME_PATTERN, VERSION_PATTERN
from augment.errors import AugmentError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["ALIASES_FILE", "MAX_ALIASES_BYTES", "Listing", "LocalStore", "Store", "StoreError"]

ALIASES_FILE = "aliases.json"
MAX_ALIASES_BYTES = 2**20


class StoreError(AugmentError):
    """The place where bundles lie cannot be read or written just now."""


@dataclass(frozen=True)
class Listing:
    """What lies there.

    Attributes:
        versions: By name. A name without versions is there, and empty.
        unreadable: Names whose directories could not be read.
        bare: There is nothing at all, as in the mount point of a file system that is not mounted.
    """

    versions: Mapping[str, frozenset[int]]
    unreadable: frozenset[str] = frozenset()
    bare: bool = False


class Store(Protocol):
    """A place with `<name>/<version>/` in it. All methods but `tidy` raise `StoreError`."""

    def list(self) -> Listing:
        """Return what lies there now."""

    def fingerprint(self, name: str, version: int) -> str:
        """Return text that changes with the files of a version."""

    def fetch(self, name: str, version: int) -> Path:
        """Return a local directory `<name>/<version>` with the files."""

    def read_aliases(self) -> bytes | None:
        """Return the file of aliases; None where there is none."""

    def write_aliases(self, data: bytes) -> None:
        """Replace the file of aliases, whole or not at all."""

    def tidy(self, kept: Collection[tuple[str, int]]) -> None:
        """Remove local copies of all versions but these."""


class LocalStore:
    """A models directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self) -> Listing:
        """Return what lies there now."""
        try:
            with os.scandir(self._root) as found:
                entries = list(found)
        except OSError as exc:
            raise _error(self._root, exc) from exc
        versions: dict[str, frozenset[int]] = {}
        unreadable = set()
        for entry in entries:
            if NAME_PATTERN.fullmatch(entry.name):
                try:
                    if entry.is_dir():
                        versions[entry.name] = _versions_in(entry.path)
                except OSError:
                    unreadable.add(entry.name)
        return Listing(versions, frozenset(unreadable), bare=not entries)

    def fingerprint(self, name: str, version: int) -> str:
        """Return names, sizes, inodes and times of change of the files."""
        path = self.fetch(name, version)
        try:
            with os.scandir(path) as found:
                stats = sorted((entry.name, entry.stat(follow_symlinks=False)) for entry in found)
        except OSError as exc:
            raise _error(path, exc) from exc
        return repr([(file, stat.st_size, stat.st_ino, stat.st_mtime_ns) for file, stat in stats])

    def fetch(self, name: str, version: int) -> Path:
        """Return the directory, which is local already."""
        return self._root / name / str(version)

    def read_aliases(self) -> bytes | None:
        """Return the file of aliases; None where there is none."""
        path = self._root / ALIASES_FILE
        try:
            with open(path, "rb", opener=_opened_at_once) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise StoreError(f"{path}: must be a regular file")
                return file.read(MAX_ALIASES_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise _error(path, exc) from exc

    def write_aliases(self, data: bytes) -> None:
        """Write a hidden file and rename it."""
        path = self._root / ALIASES_FILE
        temporary: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(dir=self._root, prefix=".aliases-", delete=False) as file:
                temporary = Path(file.name)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError as exc:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise _error(path, exc) from exc

    def tidy(self, kept: Collection[tuple[str, int]]) -> None:
        """Do nothing: there are no copies."""


def _versions_in(path: str) -> frozenset[int]:
    try:
        with os.scandir(path) as found:
            return frozenset(
                int(entry.name)
                for entry in found
                if VERSION_PATTERN.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            )
    except FileNotFoundError:  # removed since the listing
        return frozenset()


def _opened_at_once(path: str, flags: int) -> int:
    """Open a file; of a pipe that nobody writes, too, this returns."""
    return os.open(path, flags | os.O_NONBLOCK)


def _error(path: Path, exc: OSError) -> StoreError:
    return StoreError(f"{path}: {exc.strerror or exc}")
