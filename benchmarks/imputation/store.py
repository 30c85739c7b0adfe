"""The cache: a JSON file for each figure that was computed. What is finished stays."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Store"]


@dataclass(frozen=True)
class Store:
    """A directory of answers."""

    directory: Path

    def answer(self, parts: tuple[str, ...], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what is known under these names, computing and keeping it where nothing is."""
        path = self._path(parts)
        if (known := self.known(parts)) is not None:
            return known
        print("computing", " / ".join(parts), flush=True)
        found = compute()
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(found))
        temporary.replace(path)
        return found

    def known(self, parts: tuple[str, ...]) -> dict[str, Any] | None:
        """Return what is known under these names, if anything is."""
        path = self._path(parts)
        found: dict[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
        return found

    def _path(self, parts: tuple[str, ...]) -> Path:
        name = ".".join(re.sub(r"[^A-Za-z0-9_-]+", "-", part) for part in parts)
        return self.directory / f"{name}.json"
