"""Bundles in an object store, through fsspec: each version is copied to a local directory, then opened.

An object store has no rename, so a version is seen once its `manifest.json` is there: upload that last.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from augment.bundle.copies import cache_home, copied_version
from augment.bundle.limits import MANIFEST_FILE, NAME_PATTERN, VERSION_PATTERN
from augment.errors import BundleError, RequestError
from augment.urls import file_system
from augment_server.hosting.store import ALIASES_FILE, Listing, StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

__all__ = ["RemoteStore"]

_CHANGES = ("ETag", "etag", "md5Hash", "mtime", "created", "LastModified", "size")
_DEPTH = 3


class RemoteStore:
    """A models directory that fsspec reads.

    Args:
        system: The file system.
        root: The directory's path in it.
        url: As the operator wrote it.
        cache: Where the copies lie, `<hash of the files' fingerprint>/<name>/<version>`.
    """

    def __init__(self, system: Any, root: str, url: str, cache: Path) -> None:
        self._system = system
        self._root = root.rstrip("/")
        self._url = url
        self._cache = cache
        self._files: dict[tuple[str, int], dict[str, Mapping[str, Any]]] = {}

    @classmethod
    def open(cls, url: str, cache_dir: Path | None) -> RemoteStore:
        """Return the store at a URL such as `s3://bucket/models`.

        Args:
            url: The place; what fsspec calls it.
            cache_dir: Where copies lie; None: in the user's cache directory.

        Raises:
            RequestError: No installed package reads such a URL, or copies cannot be written.
        """
        system, root = file_system(url, "models")
        try:
            cache = (cache_dir or cache_home()) / hashlib.sha256(url.encode()).hexdigest()[:16]
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise RequestError.of("cache_dir", "must be a directory to write to", str(exc)) from exc
        return cls(system, root, url, cache)

    def list(self) -> Listing:
        """Return what lies there now, by one listing."""
        with _reading(self._url):
            self._system.invalidate_cache()
            try:
                found = self._system.find(self._root, maxdepth=_DEPTH, detail=True)
            except FileNotFoundError:
                found = {}
        files: dict[tuple[str, int], dict[str, Mapping[str, Any]]] = {}
        for path, info in found.items():
            name, version, file = self._parts(path)
            if file and NAME_PATTERN.fullmatch(name) and VERSION_PATTERN.fullmatch(version):
                files.setdefault((name, int(version)), {})[file] = info
        self._files = {key: each for key, each in files.items() if MANIFEST_FILE in each}
        names = {name for name, _ in self._files}
        versions = {
            name: frozenset(number for other, number in self._files if other == name) for name in names
        }
        return Listing(versions, bare=not found)

    def fingerprint(self, name: str, version: int) -> str:
        """Return names, sizes and tags of the files, as last listed."""
        files = self._listed(name, version)
        return repr(
            [(file, [str(info.get(key)) for key in _CHANGES]) for file, info in sorted(files.items())]
        )

    def fetch(self, name: str, version: int) -> Path:
        """Return the copy of a version, made now unless there is a whole one."""
        files = self._listed(name, version)
        sizes = {file: int(info.get("size") or 0) for file, info in files.items()}

        def copy(file: str, target: Path) -> None:
            with _reading(self._url):
                self._system.get_file(f"{self._root}/{name}/{version}/{file}", str(target))

        try:
            return copied_version(
                self._place(name, version), sizes, copy, source=f"{self._url}/{name}/{version}"
            )
        except OSError as exc:
            raise StoreError(f"{self._url}: {name}/{version} cannot be copied: {exc}") from exc

    def read_aliases(self) -> bytes | None:
        """Return the file of aliases; None where there is none."""
        with _reading(self._url):
            try:
                data: bytes = self._system.cat_file(f"{self._root}/{ALIASES_FILE}")
            except FileNotFoundError:
                return None
        return data

    def write_aliases(self, data: bytes) -> None:
        """Replace the object."""
        with _reading(self._url):
            self._system.pipe_file(f"{self._root}/{ALIASES_FILE}", data)

    def tidy(self, kept: Collection[tuple[str, int]]) -> None:
        """Remove the copies of all versions but these."""
        wanted = {self._place(*key).parent.parent.name for key in kept if key in self._files}
        for entry in self._cache.iterdir():
            if entry.name not in wanted and not entry.name.startswith("."):
                shutil.rmtree(entry, ignore_errors=True)

    def _listed(self, name: str, version: int) -> dict[str, Mapping[str, Any]]:
        try:
            return self._files[name, version]
        except KeyError as exc:
            raise StoreError(f"{self._url}: {name}/{version} is no longer there") from exc

    def _place(self, name: str, version: int) -> Path:
        digest = hashlib.sha256(f"{name}/{version} {self.fingerprint(name, version)}".encode()).hexdigest()
        return self._cache / digest[:32] / name / str(version)

    def _parts(self, path: str) -> tuple[str, str, str]:
        relative = path.removeprefix(self._root).strip("/").split("/", 2)
        return (relative[0], relative[1], relative[2]) if len(relative) == _DEPTH else ("", "", "")


@contextmanager
def _reading(url: str) -> Iterator[None]:
    """Turn whatever a file system raises into a `StoreError`: each has its own errors."""
    try:
        yield
    except (StoreError, BundleError):
        raise
    except Exception as exc:
        raise StoreError(f"{url}: {type(exc).__name__}: {exc}") from exc
