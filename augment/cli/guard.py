"""One place where all failures end: a message on stderr and an exit code, never a traceback unasked."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from augment.cli.failures import failure_of, show

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["GuardedCommand", "GuardedGroup"]

Context: TypeAlias = Any
"""click's context; some versions of Typer bring a click of their own."""


def _guarded(run: Callable[[Context], Any], ctx: Context) -> Any:
    """Run a command; tell a failure in one message."""
    try:
        return run(ctx)
    except (Exception, KeyboardInterrupt) as exc:
        if _is_clicks_own(exc):
            raise
        if ctx.params.get("debug") or os.environ.get("AUGMENT_DEBUG"):
            traceback.print_exc(file=sys.stderr)
        failure = failure_of(exc)
        show(failure)
        raise typer.Exit(failure.code) from exc


def _is_clicks_own(exc: BaseException) -> bool:
    """Whether click shows the exception itself: usage errors, exits, a closed pipe."""
    return type(exc).__module__.partition(".")[0] in {"click", "typer"} or isinstance(exc, BrokenPipeError)


class GuardedGroup(TyperGroup):
    """Commands in the order they were added."""

    def invoke(self, ctx: Context) -> Any:
        """Run the command; tell a failure in one message."""
        return _guarded(super().invoke, ctx)

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order they were added."""
        return list(self.commands)


class GuardedCommand(TyperCommand):
    """A command that is a program of its own."""

    def invoke(self, ctx: Context) -> Any:
        """Run the command; tell a failure in one message."""
        return _guarded(super().invoke, ctx)
