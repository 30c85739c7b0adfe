"""Brings a bundle to worker processes, which may be on other machines."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from augment.errors import BundleCorruptError
from augment.runtime import Model
from augment.runtime.checks import checked_integer

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
        path: The bundle's directory `<name>/<version>` at the caller's; without files, at the worker's too.
        digest: sha256 over its manifest, in hex.
        threads: Of one computation.
        files: The bytes of every file by its name: workers need no file system in common with the caller.
            None: they have the bundle at the same path.
    """

    path: Path
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
            raise BundleCorruptError(str(self.path), f"{rule}, got {model.digest}")
        return model

    def _placed(self) -> Model:
        if not self.path.is_dir():
            raise BundleCorruptError(
                str(self.path),
                "is not on this worker. Put it on a file system that every worker mounts there, "
                "or leave `shared` out: the bundle is then sent along",
            )
        return Model.open(self.path, threads=self.threads)

    def _unpacked(self, files: Mapping[str, bytes]) -> Model:
        """Write the files to a directory of this process's own, load them, and remove it."""
        with TemporaryDirectory(prefix="augment-bundle-") as temporary:
            directory = Path(temporary) / self.path.parent.name / self.path.name
            directory.mkdir(parents=True)
            for name, data in files.items():
                (directory / name).write_bytes(data)
            return Model.open(directory, threads=self.threads)


def delivery_of(bundle: Path | str, threads: int, *, shared: bool) -> tuple[Model, Delivery]:
    """Open a bundle here, and say how workers get it.

    Args:
        bundle: Its directory, `<name>/<version>`.
        threads: Of each worker's computations.
        shared: Whether workers read it at the same path themselves; else its files are sent to them.

    Raises:
        BundleError: The bundle is not there, corrupt, unsafe, or of a newer format.
        RequestError: `threads` is out of its range.
    """
    count, path = checked_integer("threads", threads, 1, 1024), Path(bundle).resolve()
    model = Model.open(path, threads=1)
    files = None if shared else {entry.name: entry.read_bytes() for entry in sorted(path.iterdir())}
    return model, Delivery(path, model.digest, count, files)
