"""A base image of Debian's own packages, for where no image can be fetched. Needs root and debootstrap."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from container.engines import run

if TYPE_CHECKING:
    from container.engines import Engine

__all__ = ["build_debian_base"]

_CONTAINERFILE = "FROM scratch\nADD root.tar /\n"


def build_debian_base(engine: Engine, tag: str, suite: str) -> None:
    """Make a minimal Debian with Python and name the image `tag`.

    Args:
        engine: What builds.
        tag: The image's name.
        suite: Debian's release, such as "trixie".
    """
    with tempfile.TemporaryDirectory() as directory:
        root, context = Path(directory) / "root", Path(directory) / "context"
        context.mkdir()
        run(
            "debootstrap", "--variant=minbase", "--include=python3,python3-venv", suite, str(root), shown=True
        )
        left_over = ("--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "--exclude=./dev/*")
        run("tar", "--directory", str(root), *left_over, "--create", "--file", str(context / "root.tar"), ".")
        (context / "Containerfile").write_text(_CONTAINERFILE, encoding="utf-8")
        engine.build(context, context / "Containerfile", tag, {})
