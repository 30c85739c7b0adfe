"""Where the encoded records of a table beyond memory lie while it is trained on."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import ipc

from augment.bundle.manifest import canonical_json
from augment.errors import PublishError
from augment.training.checkpoints import write_synced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from augment.data import Schema
    from augment.data.large_table import LargeTable
    from augment.training.config import TrainConfig

__all__ = ["EncodedStore", "encoded_store", "store_key"]

_PREFIX = "encoded-"
_ENCODING, _RECORDS, _HELDOUT = "encoding.json", "records.bin", "heldout.arrow"
_SPARE = 2**26


class EncodedStore:
    """A directory with `records.bin`, `heldout.arrow` and, once these are whole, `encoding.json`.

    Attributes:
        path: The directory.
        finished: Whether nobody needs it any more; it is then removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.finished = False

    @property
    def records(self) -> Path:
        """The file of encoded records."""
        return self.path / _RECORDS

    def encoding(self) -> dict[str, Any] | None:
        """Return what was saved; None where the records are not whole."""
        try:
            found = json.loads((self.path / _ENCODING).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def save(self, encoding: dict[str, Any]) -> None:
        """Say that all is there."""
        write_synced(self.path / _ENCODING, canonical_json(encoding))

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Name the directory where it cannot be written to.

        Raises:
            PublishError: The disk is full, or the like.
        """
        try:
            yield
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def write_heldout(self, table: pa.Table) -> None:
        """Keep the records that are held out."""
        with ipc.new_file(str(self.path / _HELDOUT), table.schema) as file:
            file.write_table(table)

    def heldout(self) -> pa.Table:
        """Return them."""
        with pa.OSFile(str(self.path / _HELDOUT)) as file:
            return ipc.open_file(file).read_all()

    def require_room(self, needed_bytes: int) -> None:
        """Refuse a disk without the room, before an hour is spent on it.

        Raises:
            PublishError: It has less.
        """
        free = shutil.disk_usage(self.path).free
        if free < needed_bytes + _SPARE:
            raise PublishError(
                f"the disk of {self.path} must have {needed_bytes / 2**30:.2f} GiB for the encoded records, "
                f"got {free / 2**30:.2f} GiB free. Free some, or give a --run-dir on another disk"
            )


def store_key(large: LargeTable, schema: Schema, config: TrainConfig, start: str | None) -> str:
    """Return what names the encoded records: the files as they are now, and all that encoding hangs on."""
    files = [
        (str(part.path.resolve()), part.path.stat().st_size, part.path.stat().st_mtime_ns)
        for part in large.parts.parts
    ]
    said = {
        "files": files,
        "sample": [large.seed, large.sample.num_rows],
        "schema": schema.model_dump(mode="json"),
        "split": [config.seed, config.holdout],
        "start": start,
        "version": version("augment-service"),
    }
    return hashlib.sha256(canonical_json(said)).hexdigest()[:16]


@contextmanager
def encoded_store(parent: Path | None, key: str) -> Iterator[EncodedStore]:
    """Hold the directory `parent/encoded-KEY` for this process.

    Left behind whole by a run that was killed or stopped, it is as it was; left behind in parts, it is
    empty. Others in `parent` that no process holds are removed: each is as large as a table.

    Args:
        parent: Of the directory; None: a temporary one, which is removed in the end whatever happens.
        key: Names the records.

    Raises:
        PublishError: It cannot be made.
    """
    if parent is None:
        with tempfile.TemporaryDirectory(prefix=f"augment-{_PREFIX}") as made:
            yield EncodedStore(Path(made))
        return
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_others(parent, key)
        path, lock = _locked(parent, key)
    except OSError as exc:
        raise _unwritable(parent, exc) from exc
    store = EncodedStore(path)
    try:
        if store.encoding() is None:
            _empty(path)
        yield store
    finally:
        if store.finished or store.encoding() is None:
            shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _unwritable(path: Path, exc: OSError) -> PublishError:
    return PublishError(
        f"encoded records must be writable to {path}, got: {exc}. Free space, or give a --run-dir elsewhere"
    )


def _locked(parent: Path, key: str) -> tuple[Path, int]:
    """Return a directory for the key that no other process holds, and the lock on it."""
    number = 1
    while True:
        path = parent / (f"{_PREFIX}{key}" if number == 1 else f"{_PREFIX}{key}-{number}")
        path.mkdir(exist_ok=True)
        if (lock := _lock(path)) is not None:
            return path, lock
        number += 1


def _lock(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if not path.exists():  # removed as a leftover between the two calls
        os.close(descriptor)
        return None
    return descriptor


def _remove_others(parent: Path, key: str) -> None:
    for path in parent.glob(f"{_PREFIX}*"):
        if path.name == f"{_PREFIX}{key}" or (lock := _lock(path)) is None:
            continue
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _empty(path: Path) -> None:
    for file in path.iterdir():
        file.unlink()
