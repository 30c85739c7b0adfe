"""The server's image: built, and measured over its base."""

from __future__ import annotations

import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from container.pip_secrets import pip_secrets

if TYPE_CHECKING:
    from container.engines import Engine

__all__ = ["CONTAINERFILE", "MAX_MB", "ROOT", "added_mb", "build_image"]

ROOT = Path(__file__).resolve().parents[2]
CONTAINERFILE = ROOT / "server" / "Containerfile"
MAX_MB = 400
_ADDED = "opt/augment/"


def build_image(engine: Engine, tag: str, base: str | None) -> None:
    """Build the server's image.

    Args:
        engine: What builds.
        tag: The image's name.
        base: The base image; None: the one that the Containerfile names.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    arguments = {"VERSION": str(project["version"]), "REVISION": _revision()}
    if base:
        arguments["BASE"] = base
    with tempfile.TemporaryDirectory() as directory:
        engine.build(ROOT, CONTAINERFILE, tag, arguments, *pip_secrets(Path(directory)))


def added_mb(engine: Engine, tag: str) -> tuple[float, float]:
    """Return the size of what the image adds to its base, and of all its files, in MB of 1,000,000 bytes.

    The last stage only copies one directory onto the base, so what it adds is that directory.
    """
    files = engine.files(tag)
    added = sum(file.size for file in files if file.path.startswith(_ADDED))
    return added / 1e6, sum(file.size for file in files) / 1e6


def _revision() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    except FileNotFoundError:
        return "unknown"
    return asked.stdout.strip() or "unknown"
