"""Chooses the store by what the operator calls the place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from augment_server.hosting.store import LocalStore

if TYPE_CHECKING:
    from augment_server.hosting.store import Store
    from augment_server.settings import Settings

__all__ = ["open_store", "remedy_of"]


def open_store(settings: Settings) -> Store:
    """Return the store: a directory, or whatever fsspec reads.

    Raises:
        RequestError: The place is none, or the package that reads it is not installed.
    """
    if isinstance(settings.models, Path):
        return LocalStore(settings.models)
    from augment_server.hosting.remote_store import RemoteStore  # noqa: PLC0415 - an extra of its own

    return RemoteStore.open(settings.models, settings.cache_dir)


def remedy_of(models: Path | str, *, refused: bool) -> str:
    """Return what to do where nothing in a place can be served.

    Args:
        models: What was given: perhaps one model, or one bundle, in place of the directory of all.
        refused: Whether bundles are there.
    """
    if refused:
        return "The log says why each was refused"
    if isinstance(models, Path):
        for pattern, above in (("manifest.json", 2), ("*/manifest.json", 1)):
            if any(models.glob(pattern)):
                return f"Give the directory that holds the models: {models.absolute().parents[above - 1]}"
    return "Train one with `augment train`, or pass --allow-empty"
