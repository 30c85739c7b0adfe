"""Rewrites bundles so that their hashes hold: only the rule under test is broken."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from augment.bundle.manifest import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["edit_manifest", "replace_file"]


def edit_manifest(bundle: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Apply `edit` to the manifest and write it back in canonical form."""
    file = bundle / "manifest.json"
    manifest = json.loads(file.read_bytes())
    edit(manifest)
    file.write_bytes(canonical_json(manifest))


def replace_file(bundle: Path, name: str, data: bytes) -> None:
    """Put other bytes into a file, with size and hash in the manifest to match."""
    (bundle / name).write_bytes(data)
    info = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    edit_manifest(bundle, lambda manifest: manifest["files"].update({name: info}))
