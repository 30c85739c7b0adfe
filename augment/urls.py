"""Places that fsspec reaches, such as `s3://bucket/rows`, beside paths here."""

from __future__ import annotations

import errno
from typing import Any

import pyarrow as pa

from augment.errors import RequestError, StepError
from augment.url_credentials import without_credentials

__all__ = [
    "file_system",
    "inner_path",
    "is_away",
    "is_url",
    "local_path",
    "require_there",
    "without_credentials",
]

_HERE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}  # of the disk that a copy goes to


def is_url(path: str) -> bool:
    """Return whether it is one of fsspec's URLs, such as `s3://bucket/rows`, and no path here."""
    return "://" in path


def local_path(path: str) -> str:
    """Return a path here as such: `file:///rows` is `/rows`; what is elsewhere stays a URL."""
    scheme, there, rest = path.partition("://")
    return rest if there and scheme in {"file", "local"} else path


def inner_path(path: str) -> str:
    """Return a path as it is called within its file system."""
    return file_system(path)[1] if is_url(path) else path


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
        raise RequestError.of(field, rule, without_credentials(url), remedy) from exc
    return system, path.rstrip("/")


def is_away(path: str, exc: BaseException) -> bool:
    """Return whether an object store does not answer now, rather than that a file is wrong.

    Those that Arrow finds in a file have no number.
    """
    ours = pa.ArrowException | FileNotFoundError | PermissionError | MemoryError
    if not is_url(path) or isinstance(exc, ours):
        return False
    if isinstance(exc, OSError) and not isinstance(exc, TimeoutError | ConnectionError):
        return exc.errno is not None and exc.errno not in _HERE
    return True


def require_there(path: str, exc: BaseException) -> None:
    """Raise a StepError where a store does not answer: it may do so later.

    Raises:
        StepError: It does not.
    """
    if is_away(path, exc):
        raise StepError(
            f"{path} cannot be reached now: {type(exc).__name__}: {exc}. "
            "Run the step again: what is made is kept"
        ) from exc
