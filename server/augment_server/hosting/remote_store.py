"""Bundles in an object store, through fsspec: each version is copied to a local directory, then opened.

An object store has no rename, so a version is seen once its `manifest.json` is there: upload that last.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

from augment.bundle.limits import MANIFEST_FILE, MAX_GRAPH_BYTES, NAME_PATTERN, VERSION_PATTERN
from augment.bundle.reading import read_contents
from augment.errors import BundleError, BundleUnsafeError, RequestError
from augment_server.hosting.store import ALIASES_FILE, Listing, StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = ["RemoteStore"]

_CHANGES = ("ETag", "etag", "md5Hash", "mtime", "created", "LastModified", "size")
_MAX_FILES = 64
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
        try:
            system, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as exc:
            remedy = "Install augment-service[remote]"
            raise RequestError.of(
                "models", "must be a directory or a URL that fsspec reads", url, remedy
            ) from exc
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        cache = (cache_dir or home / "augment-service") / hashlib.sha256(url.encode()).hexdigest()[:16]
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise RequestError.of("cache_dir", "must be a directory to write to", str(cache)) from exc
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
        place = self._place(name, version)
        if place.exists():
            if _is_whole(place):
                return place
            shutil.rmtree(place.parent.parent, ignore_errors=True)
        try:
            return self._copied(name, version, place)
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

    def _copied(self, name: str, version: int, place: Path) -> Path:
        """Copy to a hidden directory, then rename: a copy is whole or not there."""
        files = self._listed(name, version)
        if len(files) > _MAX_FILES or any("/" in file for file in files):
            raise BundleUnsafeError(place, f"must have at most {_MAX_FILES} files and no directories")
        hidden = Path(tempfile.mkdtemp(prefix=".fetch-", dir=self._cache))
        try:
            target = hidden / name / str(version)
            target.mkdir(parents=True)
            for file, info in files.items():
                self._copy_file(f"{name}/{version}/{file}", info, target / file)
            hidden.rename(place.parent.parent)
        except OSError:
            if not place.exists():  # another server with this cache was faster
                raise
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
        return place

    def _copy_file(self, relative: str, info: Mapping[str, Any], target: Path) -> None:
        size = int(info.get("size") or 0)
        if size > MAX_GRAPH_BYTES:
            raise BundleUnsafeError(target.parent, f"{target.name} must have at most {MAX_GRAPH_BYTES} bytes")
        with _reading(self._url):
            self._system.get_file(f"{self._root}/{relative}", str(target))
        if target.stat().st_size != size:
            raise StoreError(f"{self._url}: {relative} has {size} bytes, {target.stat().st_size} arrived")

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


def _is_whole(place: Path) -> bool:
    """Say whether a copy from an earlier run has the hashes of its manifest; a refused one is copied anew."""
    try:
        read_contents(place)
    except BundleError:
        return False
    return True


@contextmanager
def _reading(url: str) -> Iterator[None]:
    """Turn whatever a file system raises into a `StoreError`: each has its own errors."""
    try:
        yield
    except (StoreError, BundleError):
        raise
    except Exception as exc:
        raise StoreError(f"{url}: {type(exc).__name__}: {exc}") from exc
