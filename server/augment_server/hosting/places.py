"""Chooses the store by what the operator calls the place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from augment_server.hosting.store import LocalStore

if TYPE_CHECKING:
    from augment_server.hosting.store import Store
    from augment_server.settings import Settings

__all__ = ["open_store"]


def open_store(settings: Settings) -> Store:
    """Return the store: a directory, or whatever fsspec reads.

    Raises:
        RequestError: The place is none, or the package that reads it is not installed.
    """
    if isinstance(settings.models, Path):
        return LocalStore(settings.models)
    from augment_server.hosting.remote_store import RemoteStore  # noqa: PLC0415 - an extra of its own

    return RemoteStore.open(settings.models, settings.cache_dir)
