"""Copies of bundles that lie elsewhere: whole or not there, and looked through before they are taken."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from augment.bundle.limits import MAX_GRAPH_BYTES
from augment.bundle.reading import read_contents
from augment.errors import BundleError, BundleUnsafeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["cache_home", "copied_version"]

_MAX_FILES = 64


def cache_home() -> Path:
    """Return the directory of this user's copies; OSError where there is no home either."""
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(home or Path.home() / ".cache") / "augment-service"
    except RuntimeError as exc:  # a user without a home
        raise FileNotFoundError(str(exc)) from exc


def copied_version(
    place: Path, sizes: Mapping[str, int], copy: Callable[[str, Path], None], *, source: str
) -> Path:
    """Return a directory with a version's files: the one that is there if it is whole, else one made now.

    Files are copied to a hidden directory, which is renamed: so a copy is whole or not there, whoever makes
    the same one at the same time.

    Args:
        place: Where it is, `<cache>/<key>/<name>/<version>`; the cache must be there.
        sizes: The names of the files, and how many bytes each has.
        copy: Puts the file of a name to a path.
        source: Where they are from, for messages.

    Raises:
        BundleUnsafeError: The files are too many or too large, or not in one directory.
        OSError: It cannot be written, or less came than there is.
    """
    if place.exists():
        if _is_whole(place):
            return place
        shutil.rmtree(place.parent.parent, ignore_errors=True)
    if len(sizes) > _MAX_FILES or any("/" in name for name in sizes):
        raise BundleUnsafeError(source, f"must have at most {_MAX_FILES} files and no directories")
    if large := [name for name, size in sizes.items() if size > MAX_GRAPH_BYTES]:
        raise BundleUnsafeError(source, f"{large[0]} must have at most {MAX_GRAPH_BYTES} bytes")
    cache = place.parents[2]
    hidden = Path(tempfile.mkdtemp(prefix=".fetch-", dir=cache))
    try:
        target = hidden / place.parent.name / place.name
        target.mkdir(parents=True)
        for name, size in sizes.items():
            copy(name, target / name)
            _require_size(target / name, size, source)
        hidden.rename(place.parent.parent)
    except OSError:
        if not place.exists():  # another process with this cache was faster
            raise
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return place


def _require_size(file: Path, size: int, source: str) -> None:
    if (came := file.stat().st_size) != size:
        raise OSError(errno.EIO, f"{file.name} has {size} bytes, {came} arrived", source)


def _is_whole(place: Path) -> bool:
    """Say whether a copy from an earlier run has the hashes of its manifest; a refused one is copied anew."""
    try:
        read_contents(place)
    except BundleError:
        return False
    return True
