"""Runs the command line in this process, and in one of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from augment.cli.app import app
from tests.server.running import environment

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Ran", "augment", "augment_process"]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


def augment(*arguments: object) -> Ran:
    """Run `augment` with these arguments in this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return Ran(result.exit_code, result.stdout, result.stderr)


def augment_process(*arguments: object, before: str = "", cwd: Path | None = None) -> Ran:
    """Run it in a new process; `before` is Python that runs first."""
    code = f"{before}\nfrom augment.cli import main\nmain()"
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment(),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
