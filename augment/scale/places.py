"""Files here and in object stores: what is at a path, and the bytes of it. URLs go through fsspec."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.errors import AugmentError, DataFileError
from augment.urls import file_system, is_url, require_there

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "copied",
    "files_at",
    "fingerprint",
    "is_glob",
    "is_within",
    "opened",
    "reading",
]

_SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".arrow", ".feather")


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
    with reading(path):
        if is_url(path):
            system, inner = file_system(path)
            return f"tag:{system.checksum(inner)}"
        with Path(path).open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def is_within(path: str, given: str) -> bool:
    """Return whether files in a directory are among those that a file, a directory or a glob names.

    >>> is_within("s3://bucket/rows/out", "s3://bucket/rows"), is_within("rows-2", "rows")
    (True, False)
    >>> is_within("rows/out", "rows/**/*.parquet"), is_within("rows/out", "rows/*.parquet")
    (True, False)
    """
    if is_url(path) != is_url(given):
        return False
    there, wanted = _parts_of(path), _parts_of(given)
    signed = [place for place, part in enumerate(wanted) if is_glob(part)]
    fixed = signed[0] if signed and (is_url(given) or not Path(given).exists()) else len(wanted)
    if there[:fixed] != wanted[:fixed]:
        return False
    below, signs = there[fixed:], wanted[fixed:]
    return not signs or _matches((*below, "real-00000000.parquet"), signs)


def _parts_of(path: str) -> tuple[str, ...]:
    if is_url(path):
        scheme, _, rest = path.partition("://")
        return (scheme, *(part for part in rest.split("/") if part))
    return Path(path).resolve().parts


def is_glob(part: str) -> bool:
    """Return whether it has one of a glob's signs."""
    return any(sign in part for sign in "*?[")


def _matches(names: Sequence[str], signs: Sequence[str]) -> bool:
    """Return whether names, one below the other, fit the signs of a glob; `**` is any number of them."""
    if not signs:
        return not names
    if signs[0] == "**":
        return any(_matches(names[skipped:], signs[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], signs[0]) and _matches(names[1:], signs[1:])


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
        with reading(path):
            system.get_file(inner, str(target))
        yield target


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn what a file system raises into an error that names the file.

    Raises:
        DataFileError: It cannot be read.
        StepError: A store does not answer.
    """
    try:
        yield
    except (AugmentError, GeneratorExit):
        raise
    except Exception as exc:
        require_there(path, exc)
        if not isinstance(exc, OSError):
            raise
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
    with reading(url):
        system.invalidate_cache()
        if system.isfile(inner):
            found = [inner]
        elif is_glob(inner):
            found = system.glob(inner)
        else:
            every = system.find(inner)
            found = [each for each in every if _is_data(each.removeprefix(f"{inner}/").split("/"))]
    return sorted(str(system.unstrip_protocol(each)) for each in found)


def _is_data(parts: Iterable[str]) -> bool:
    names = list(parts)
    return names[-1].lower().endswith(_SUFFIXES) and not any(name.startswith(("_", ".")) for name in names)
