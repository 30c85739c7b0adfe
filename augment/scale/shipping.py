"""Brings a bundle to worker processes, which may be on other machines."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from augment.errors import BundleCorruptError
from augment.runtime import Model
from augment.sources.remote import copied_bundle
from augment.urls import is_url, local_path

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Placed", "Shipped", "Source", "model_from", "source_of"]

_MOST_OPEN = 4


class Source(Protocol):
    """Where a worker has a bundle from; small enough, or shared well enough, to be sent to each."""

    @property
    def digest(self) -> str:
        """The digest of the bundle that the caller meant."""

    def open(self, threads: int) -> Model:
        """Return the model, verified.

        Raises:
            BundleError: It is not to be had, broken, or another one.
        """


@dataclass(frozen=True)
class Shipped:
    """A bundle's files, sent along: workers need no file system in common with the caller.

    Attributes:
        path: The caller's directory, for messages.
        name: The model's name.
        version: Its version.
        digest: sha256 over its manifest, in hex.
        files: The bytes of every file by its name.
    """

    path: str
    name: str
    version: int
    digest: str
    files: Mapping[str, bytes] = field(repr=False)

    def open(self, threads: int) -> Model:
        """Write the files to a directory of this process's own, verify and load them, and remove it.

        Raises:
            BundleError: What arrived is not what was sent.
        """
        with TemporaryDirectory(prefix="augment-bundle-") as temporary:
            directory = Path(temporary) / self.name / str(self.version)
            directory.mkdir(parents=True)
            for name, data in self.files.items():
                (directory / name).write_bytes(data)
            return _the_very(Model.open(directory, threads=threads), self.digest, self.path)


@dataclass(frozen=True)
class Placed:
    """A bundle on a file system that all workers have, under one path.

    Attributes:
        path: The bundle's directory, here and there.
        digest: sha256 over its manifest, in hex.
    """

    path: str
    digest: str

    def open(self, threads: int) -> Model:
        """Verify and load the bundle at that path.

        Raises:
            BundleError: It is not there, broken, or another one than the caller's.
        """
        if not Path(self.path).is_dir():
            raise BundleCorruptError(
                self.path,
                "is not on this worker. Put it on a file system that every worker mounts there, "
                "or leave `shared` out: the bundle is then sent along",
            )
        return _the_very(Model.open(self.path, threads=threads), self.digest, self.path)


def source_of(bundle: Path | str, *, shared: bool = False) -> tuple[Model, Source]:
    """Open a bundle here, and say where workers have it from.

    Args:
        bundle: Its directory, `<name>/<version>`, or its URL, which is copied here first.
        shared: Whether workers read it at the same path themselves; else, and where it is a URL, its files
            are sent to them.

    Raises:
        BundleError: The bundle is not there, corrupt, unsafe, or of a newer format.
    """
    url = is_url(place := local_path(str(bundle)))
    path = copied_bundle(place) if url else Path(place).resolve()
    model = Model.open(path, threads=1)
    if shared and not url:
        return model, Placed(str(path), model.digest)
    files = {entry.name: entry.read_bytes() for entry in sorted(path.iterdir())}
    return model, Shipped(str(path), model.name, model.version, model.digest, files)


def _the_very(model: Model, digest: str, path: str) -> Model:
    if model.digest != digest:
        raise BundleCorruptError(
            path, f"must be the bundle with digest {digest}, as where it was asked for, got {model.digest}"
        )
    return model


_open: dict[tuple[str, int], Model] = {}
_opening = threading.Lock()


def model_from(source: Source, threads: int) -> Model:
    """Return the model of a source, opened once in this process however many tasks it is given.

    Raises:
        BundleError: As `Source.open`.
    """
    key = (source.digest, threads)
    with _opening:
        if key not in _open:
            while len(_open) >= _MOST_OPEN:
                del _open[next(iter(_open))]
            _open[key] = source.open(threads)
        return _open[key]
