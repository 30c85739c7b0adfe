"""Publishes a bundle: whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from augment.bundle.directory import next_version
from augment.bundle.draft import BundleDraft, files_of
from augment.bundle.leftovers import TEMPORARY_PREFIX, locked_directory, remove_leftovers
from augment.bundle.limits import NAME_PATTERN
from augment.bundle.reading import read_contents
from augment.errors import BundleError, PublishError, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["publish", "remedy_of", "require_publishable"]

_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
_REMEDIES = {
    errno.ENOSPC: "Free space on this disk, then do this again",
    errno.EDQUOT: "Raise this user's quota, then do this again",
    errno.EFBIG: "Raise the limit on file sizes (ulimit -f), then do this again",
    errno.EACCES: "Give this user the right to write there",
    errno.EPERM: "Give this user the right to write there",
    errno.EROFS: "The file system is mounted read-only: write elsewhere",
}


def remedy_of(exc: OSError, otherwise: str) -> str:
    """Return what to do where something cannot be written; `otherwise` where that is not known."""
    return _REMEDIES.get(exc.errno or 0, otherwise)


def require_publishable(models_dir: Path | str) -> None:
    """Write and remove a small file in the directory of bundles: better now than after the training.

    Args:
        models_dir: Made if it is not there.

    Raises:
        PublishError: The directory cannot be made or written to.
    """
    try:
        Path(models_dir).mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=models_dir) as probe:
            probe.write(b"augment")
    except OSError as exc:
        remedy = remedy_of(exc, "Give another directory to publish to")
        raise PublishError(f"{models_dir} cannot be written to: {exc.strerror or exc}. {remedy}") from exc


def publish(
    models_dir: Path | str, name: str, draft: BundleDraft, *, created_at: datetime | None = None
) -> Path:
    """Write the bundle beside its earlier versions and return its directory, `<name>/<version>`.

    The files are written to a hidden directory, synced to the disk, verified as `open_bundle` would,
    and appear under the next free version by one rename. Before that nothing is seen, after it
    everything is; earlier versions are never touched.

    Args:
        models_dir: Made if it is not there.
        name: The model's name.
        draft: What to publish.
        created_at: The date in the manifest; now, where none is given.

    Raises:
        RequestError: `name` is no bundle name.
        PublishError: The disk is full, a right is missing, or the draft breaks a rule of the format.
    """
    if not NAME_PATTERN.fullmatch(name):
        rule = "must be 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit"
        raise RequestError.of("name", rule, name)
    model_dir = Path(models_dir) / name
    files = files_of(draft, name, (created_at or datetime.now(UTC)).astimezone(UTC))
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
        remove_leftovers(model_dir)
        return _publish(model_dir, files)
    except BundleError as exc:
        raise PublishError(f"{model_dir}: the written bundle does not verify: {exc.reason}") from exc
    except OSError as exc:
        raise _publish_error(model_dir, exc) from exc


def _publish(model_dir: Path, files: Mapping[str, bytes]) -> Path:
    """Write, verify and rename; leave nothing behind on failure."""
    temporary = model_dir / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    try:
        with locked_directory(temporary):
            for file, data in files.items():
                _write_synced(temporary / file, data)
            _sync_directory(temporary)
            read_contents(temporary)
            final = _rename_to_next_version(temporary, model_dir)
            _sync_directory(model_dir)
            _sync_directory(model_dir.parent)
            return final
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _rename_to_next_version(temporary: Path, model_dir: Path) -> Path:
    """Rename to the next free version; where another publisher takes it first, to the one after."""
    while True:
        final = model_dir / str(next_version(model_dir))
        try:
            temporary.rename(final)
        except OSError as exc:
            if exc.errno not in _TAKEN or not final.exists():
                raise
        else:
            return final


def _write_synced(path: Path, data: bytes) -> None:
    """Write a new read-only file and have it on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    """Have the directory's entries on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish_error(model_dir: Path, exc: OSError) -> PublishError:
    """Return the error that says where, why and what to do."""
    where = exc.filename if isinstance(exc.filename, str) else str(model_dir)
    remedy = remedy_of(exc, "Mend this, then publish again")
    return PublishError(f"{where}: {exc.strerror or exc}. {remedy}; earlier versions are whole")
