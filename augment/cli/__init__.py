"""The command line: `augment`."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit code.

    0: done. 1: an unexpected failure. 2: bad input, told in one message. 130: interrupted.
    """
    from augment.cli.app import app  # noqa: PLC0415 - importing the package starts nothing
    from augment.cli.environment import let_threads_sleep  # noqa: PLC0415

    let_threads_sleep()
    app(prog_name="augment")
