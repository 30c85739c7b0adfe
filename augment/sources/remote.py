"""Bundles in an object store, copied to this machine: each process asks what is there, files come once."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.bundle.copies import cache_home, copied_version
from augment.bundle.limits import MANIFEST_FILE, MAX_MANIFEST_BYTES, NAME_PATTERN, VERSION_PATTERN
from augment.bundle.manifest import digest_of
from augment.bundle.publishing import remedy_of
from augment.bundle.reading import manifest_of
from augment.errors import (
    AugmentError,
    BundleCorruptError,
    ModelNotFoundError,
    PublishError,
    VersionNotFoundError,
)
from augment.urls import file_system, require_there

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["copied_bundle", "newest_bundle"]

_KEPT_S = 30 * 86_400


def newest_bundle(models: str, name: str, version: int | None) -> str:
    """Return the URL of a model's bundle; of its newest one where no version is given.

    Raises:
        ModelNotFoundError: No bundle has this name.
        VersionNotFoundError: The model has no such version.
        StepError: The store does not answer.
    """
    system, root = file_system(models, "models")
    with _asking(models):
        system.invalidate_cache()
        found = _names(system, f"{root}/{name}") if NAME_PATTERN.fullmatch(name) else []
        versions = sorted(int(each) for each in found if VERSION_PATTERN.fullmatch(each))
        whole = [one for one in versions if system.isfile(f"{root}/{name}/{one}/{MANIFEST_FILE}")]
        if not whole:
            raise ModelNotFoundError(name, tuple(_names(system, root)), context=models)
    wanted = whole[-1] if version is None else version
    if wanted not in whole:
        raise VersionNotFoundError(f"{name}/{wanted}", tuple(map(str, whole)), context=models)
    return f"{models.rstrip('/')}/{name}/{wanted}"


def copied_bundle(url: str) -> Path:
    """Return a copy of the bundle at `.../<name>/<version>`, verified when it is opened.

    It is kept by what its manifest says, under `~/.cache` (`XDG_CACHE_HOME`), where all processes find it;
    where that cannot be written to, in a directory that goes with this process.

    Raises:
        BundleError: There is none, or not one that can be used.
        PublishError: It cannot be written here.
        StepError: The store does not answer.
    """
    system, root = file_system(url, "model")
    name, version = ["", *root.split("/")][-2:]
    with _asking(url):
        data = _manifest(system, root, url)
        sizes = {file: info.bytes for file, info in manifest_of(data, url).files.items()}
        key = hashlib.sha256(f"{name}/{version} {digest_of(data)}".encode()).hexdigest()[:32]
        place = _cache() / key / name / version

        def copy(file: str, target: Path) -> None:
            if file == MANIFEST_FILE:
                target.write_bytes(data)
                return
            if (found := system.info(f"{root}/{file}")["size"]) != sizes[file]:
                raise BundleCorruptError(url, f"{file} must have {sizes[file]} bytes, got {found}")
            system.get_file(f"{root}/{file}", str(target))

        copied_version(place, {MANIFEST_FILE: len(data), **sizes}, copy, source=url)
    _tidy(place)
    return place


def _manifest(system: Any, root: str, url: str) -> bytes:
    try:
        size = int(system.info(f"{root}/{MANIFEST_FILE}")["size"])
        if size > MAX_MANIFEST_BYTES:
            raise BundleCorruptError(url, f"{MANIFEST_FILE} must have at most {MAX_MANIFEST_BYTES} bytes")
        data: bytes = system.cat_file(f"{root}/{MANIFEST_FILE}")
    except FileNotFoundError as exc:
        rule = f"must be a bundle's directory, <name>/<version>, with {MANIFEST_FILE} in it"
        raise BundleCorruptError(url, rule) from exc
    return data


def _names(system: Any, directory: str) -> list[str]:
    """Return the names of what lies in a directory; none where there is no such directory."""
    try:
        found = system.ls(directory, detail=False)
    except FileNotFoundError:
        return []
    return sorted(name for each in found if (name := str(each).rstrip("/").rpartition("/")[2]))


def _cache() -> Path:
    """Return where copies are kept: of this user, or of this process where nothing can be written there."""
    try:
        home = cache_home() / "bundles"
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            return home
    except OSError:
        return Path(_temporary().name)


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="augment-bundles-")


def _tidy(place: Path) -> None:
    """Note that a copy is in use, and remove those that nobody used for a month."""
    with suppress(OSError):
        os.utime(place.parents[1])
        for entry in place.parents[2].iterdir():
            if time.time() - entry.stat().st_mtime > _KEPT_S:
                shutil.rmtree(entry, ignore_errors=True)


@contextmanager
def _asking(url: str) -> Iterator[None]:
    """Turn what a file system raises into errors that say where."""
    try:
        yield
    except AugmentError:
        raise
    except Exception as exc:
        require_there(url, exc)
        if not isinstance(exc, OSError):
            raise
        if isinstance(exc, FileNotFoundError):
            raise BundleCorruptError(url, f"{exc.filename or exc} is missing") from exc
        remedy = remedy_of(exc, "Is this user allowed to read there?")
        raise PublishError(f"bundle {url} cannot be copied: {exc.strerror or exc}. {remedy}") from exc
