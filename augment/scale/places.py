"""Files here and in object stores: what is at a path, and the bytes of it. URLs go through fsspec."""

from __future__ import annotations

import glob
import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.errors import DataFileError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["copied", "file_system", "files_at", "fingerprint", "is_url", "is_within", "opened"]

_SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", ".tsv", ".arrow", ".feather")


def is_url(path: str) -> bool:
    """Return whether it is one of fsspec's URLs, such as `s3://bucket/rows`, and no path here."""
    return "://" in path


def file_system(url: str, field: str = "input") -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Args:
        url: What fsspec calls the place.
        field: The setting that named it.

    Raises:
        RequestError: No installed package reads such a URL.
    """
    try:
        import fsspec  # noqa: PLC0415 - an extra, which local files do not need

        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as exc:
        rule, remedy = "must be a path or a URL that fsspec reads", "Install augment-service[remote]"
        raise RequestError.of(field, rule, url, remedy) from exc
    return system, path.rstrip("/")


def files_at(paths: Iterable[str]) -> list[str]:
    """Return the data files of paths, directories and globs: each in the order of names.

    In directories, also below them, these are files with a known suffix whose names, and those of the
    directories between, begin with neither `_` nor `.`.

    Raises:
        DataFileError: There is none.
    """
    found: list[str] = []
    for path in paths:
        here = _remote_files(path) if is_url(path) else _local_files(path)
        if not here:
            rule = f"must be a file, or a directory or glob of files that end in {', '.join(_SUFFIXES)}"
            raise DataFileError.of("input", rule, "nothing there", context=path)
        found += here
    return list(dict.fromkeys(found))


def fingerprint(path: str) -> str:
    """Return what tells that a file is what it was: sha256 of its content, or a store's own tag.

    Raises:
        DataFileError: It cannot be read.
    """
    with _reading(path):
        if is_url(path):
            system, inner = file_system(path)
            return f"tag:{system.checksum(inner)}"
        with Path(path).open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def is_within(path: str, directory: str) -> bool:
    """Return whether a path is a directory or lies below it.

    >>> is_within("s3://bucket/rows/out", "s3://bucket/rows"), is_within("rows-2", "rows")
    (True, False)
    """
    if is_url(path) or is_url(directory):
        return f"{path.rstrip('/')}/".startswith(f"{directory.rstrip('/')}/")
    return Path(path).resolve().is_relative_to(Path(directory).resolve())


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """Yield what pyarrow reads: a path here, a file object elsewhere."""
    if not is_url(path):
        yield path
        return
    system, inner = file_system(path)
    with system.open(inner, "rb") as file:
        yield file


@contextmanager
def copied(path: str) -> Iterator[Path]:
    """Yield a path here that has the content, which is gone afterwards if it is a copy."""
    if not is_url(path):
        yield Path(path)
        return
    import tempfile  # noqa: PLC0415 - only for what is remote

    system, inner = file_system(path)
    with tempfile.TemporaryDirectory(prefix="augment-input-") as directory:
        target = Path(directory) / Path(inner).name
        with _reading(path):
            system.get_file(inner, str(target))
        yield target


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise DataFileError.of("file", "must be readable", str(exc), context=path) from exc


def _local_files(path: str) -> list[str]:
    if Path(path).is_dir():
        files = [each for each in Path(path).rglob("*") if each.is_file()]
        return sorted(str(each) for each in files if _is_data(each.relative_to(path).parts))
    if Path(path).exists():
        return [path]
    return sorted(each for each in glob.glob(path, recursive=True) if Path(each).is_file())  # noqa: PTH207 - of any path


def _remote_files(url: str) -> list[str]:
    system, inner = file_system(url)
    with _reading(url):
        system.invalidate_cache()
        if any(sign in inner for sign in "*?["):
            found = system.glob(inner)
        elif system.isfile(inner):
            found = [inner]
        else:
            every = system.find(inner)
            found = [each for each in every if _is_data(each.removeprefix(f"{inner}/").split("/"))]
    return sorted(str(system.unstrip_protocol(each)) for each in found)


def _is_data(parts: Iterable[str]) -> bool:
    names = list(parts)
    return names[-1].lower().endswith(_SUFFIXES) and not any(name.startswith(("_", ".")) for name in names)
