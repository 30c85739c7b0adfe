"""A copy of a bundle under another name."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from augment.bundle.manifest import canonical_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["renamed"]


def renamed(bundle: Path, target: Path, name: str) -> None:
    """Copy a bundle to `target`, `<name>/<version>`, with that name in its manifest."""
    shutil.copytree(bundle, target)
    manifest = target / "manifest.json"
    told = json.loads(manifest.read_bytes())
    manifest.unlink()
    manifest.write_bytes(canonical_json({**told, "name": name}))
