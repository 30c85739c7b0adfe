"""Models directories with several versions of one bundle."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from augment_server import Registry

__all__ = ["copied", "spoilt", "states"]


def copied(bundle: Path, models: Path, *versions: int) -> Path:
    """Copy a bundle to `models/tiny/<version>`, each appearing whole; return `models`."""
    for version in versions:
        hidden = models / "tiny" / f".copy-{version}"
        shutil.copytree(bundle, hidden)
        hidden.rename(models / "tiny" / str(version))
    return models


def spoilt(bundle: Path, models: Path, version: int) -> None:
    """Copy a bundle whose golden rows lack their last byte."""
    hidden = models / "tiny" / f".copy-{version}"
    shutil.copytree(bundle, hidden)
    golden = hidden / "golden.arrow"
    data = golden.read_bytes()
    golden.unlink()
    golden.write_bytes(data[:-1])
    hidden.rename(models / "tiny" / str(version))


def states(registry: Registry) -> dict[int, str]:
    """Return the state of each version of `tiny`."""
    return {each.version: str(each.state) for each in registry.versions("tiny")}
