"""Brings a bundle to worker processes, which may be on other machines."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from augment.errors import BundleCorruptError
from augment.runtime import Model
from augment.runtime.checks import checked_integer
from augment.sources.remote import copied_bundle
from augment.urls import is_url, local_path

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Delivery", "delivery_of"]

_MOST_OPEN = 4
_open: dict[tuple[str, int], Model] = {}
_opening = threading.Lock()


@dataclass(frozen=True)
class Delivery:
    """What a worker is sent to have the very model that the caller has.

    Attributes:
        place: The bundle's directory `<name>/<version>` at the caller's, or its URL.
        digest: sha256 over its manifest, in hex.
        threads: Of one computation.
        files: The bytes of every file by its name: workers need no file system in common with the caller.
            None: they have the bundle at the same place.
    """

    place: str
    digest: str
    threads: int
    files: Mapping[str, bytes] | None = field(repr=False)

    def model(self) -> Model:
        """Return the model, opened once in this process however many tasks it is given.

        Raises:
            BundleError: As `open`.
        """
        key = (self.digest, self.threads)
        with _opening:
            if key not in _open:
                while len(_open) >= _MOST_OPEN:
                    del _open[next(iter(_open))]
                _open[key] = self.open()
            return _open[key]

    def open(self) -> Model:
        """Verify and load the bundle.

        Raises:
            BundleError: It is not here, broken, or another one than the caller's.
        """
        model = self._placed() if self.files is None else self._unpacked(self.files)
        if model.digest != self.digest:
            rule = f"must be the bundle with digest {self.digest}, as where it was asked for"
            raise BundleCorruptError(self.place, f"{rule}, got {model.digest}")
        return model

    def _placed(self) -> Model:
        path = _path_of(self.place)
        if not path.is_dir():
            raise BundleCorruptError(
                self.place,
                "is not on this worker. Put it on a file system that every worker mounts there, "
                "or leave `shared` out: the bundle is then sent along",
            )
        return Model.open(path, threads=self.threads)

    def _unpacked(self, files: Mapping[str, bytes]) -> Model:
        """Write the files to a directory of this process's own, load them, and remove it."""
        with TemporaryDirectory(prefix="augment-bundle-") as temporary:
            directory = Path(temporary, *PurePosixPath(self.place).parts[-2:])
            directory.mkdir(parents=True)
            for name, data in files.items():
                (directory / name).write_bytes(data)
            return Model.open(directory, threads=self.threads)


def delivery_of(bundle: Path | str, threads: int, *, shared: bool) -> tuple[Model, Delivery]:
    """Open a bundle here, and say how workers get it.

    Args:
        bundle: Its directory, `<name>/<version>`, or its URL.
        threads: Of each worker's computations.
        shared: Whether workers read it at the same place themselves; else its files are sent to them.

    Raises:
        BundleError: The bundle is not there, corrupt, unsafe, or of a newer format.
        RequestError: `threads` is out of its range, or no installed package reads the URL.
        StepError: A store does not answer.
    """
    count, place = checked_integer("threads", threads, 1, 1024), local_path(str(bundle))
    path = _path_of(place)
    model = Model.open(path, threads=1)
    files = None if shared else {entry.name: entry.read_bytes() for entry in sorted(path.iterdir())}
    return model, Delivery(place if is_url(place) else str(path), model.digest, count, files)


def _path_of(place: str) -> Path:
    """Return the directory of a bundle, copied from its URL where it has one."""
    return copied_bundle(place) if is_url(place) else Path(place).resolve()
