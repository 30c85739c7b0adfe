"""Exceptions as one readable message and an exit code."""

from __future__ import annotations

import difflib
import errno
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rich.text import Text

from augment.cli.console import stderr
from augment.cli.extras import extra_of, missing_extra
from augment.errors import (
    AugmentError,
    ExportError,
    GateError,
    InvalidInputError,
    NotFoundError,
    StepError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "BAD_INPUT",
    "GATE",
    "INTERRUPTED",
    "UNEXPECTED",
    "Failure",
    "broken_rules",
    "failure_of",
    "not_found",
    "show",
]

UNEXPECTED = 1
BAD_INPUT = 2
GATE = 3
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Rule(Protocol):
    """A broken rule, of the library or from the wire; see `augment.errors.Violation`."""

    @property
    def field(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def remedy(self) -> str: ...


@dataclass(frozen=True)
class Failure:
    """What to tell the user, and the exit code.

    Attributes:
        message: The first line says where, the rule and the value; indented lines what to do.
        code: The process's exit code.
    """

    message: str
    code: int


def failure_of(exc: BaseException) -> Failure:
    """Return what to tell about an exception; the unexpected is told as such."""
    if isinstance(exc, KeyboardInterrupt) and isinstance(number := getattr(exc, "signal", None), int):
        return Failure(str(exc), 128 + number)
    if isinstance(exc, KeyboardInterrupt):
        return Failure("interrupted; nothing half-written was left behind", INTERRUPTED)
    if isinstance(exc, AugmentError):
        return Failure(_own(exc), _code_of(exc))
    if isinstance(exc, ModuleNotFoundError) and (extra := extra_of(exc)) is not None:
        return Failure(missing_extra(exc, extra), BAD_INPUT)
    if isinstance(exc, OSError) and exc.errno == errno.ENOSPC:
        place = f"{exc.filename}: " if exc.filename else ""
        return Failure(
            f"{place}the disk is full, or the output is\n  remedy  make room, then repeat it", UNEXPECTED
        )
    return _from_server(exc) or Failure(
        f"unexpected {type(exc).__name__}: {exc}\n  remedy  see where with: augment --debug ...", UNEXPECTED
    )


def _code_of(exc: AugmentError) -> int:
    if isinstance(exc, GateError):
        return GATE
    return UNEXPECTED if isinstance(exc, ExportError | StepError) else BAD_INPUT


def _own(exc: AugmentError) -> str:
    if isinstance(exc, InvalidInputError):
        return broken_rules(exc.violations, exc.context)
    if isinstance(exc, NotFoundError):
        return not_found(exc.kind, exc.name, exc.available, exc.context)
    return str(exc)


def show(failure: Failure) -> None:
    """Write the message to stderr."""
    first, *rest = failure.message.split("\n")
    text = Text("error: ", style="bold red").append(first, style="default bold")
    for line in rest:
        text.append(f"\n{line}", style="default not bold")
    stderr().print(text, soft_wrap=True)


def broken_rules(violations: Iterable[Rule], context: str) -> str:
    """Return the message for broken rules: where, the rule, what was found; then the remedy."""
    lines: list[str] = []
    for violation in violations:
        label = "  also    " if lines else f"{context}: " if context else ""
        lines.append(f"{label}{violation.field} {violation.rule}, got {violation.value}")
        if violation.remedy:
            lines.append(f"  remedy  {violation.remedy}")
    return "\n".join(lines)


def not_found(kind: str, name: str, available: Sequence[str], context: str = "") -> str:
    """Return the message for something that is not there, with what is, and the likeliest meant."""
    near = difflib.get_close_matches(name, available, n=1)
    there = ", ".join(available) if available else "none"
    guess = f"\n  remedy  did you mean {near[0]!r}?" if near else ""
    where = f"{context}: " if context else ""
    return f"{where}no {kind} {name!r}\n  there   {there}{guess}"


def _from_server(exc: BaseException) -> Failure | None:
    """Return what to tell about an error of the client library; None if it is not one."""
    if "augment_client" not in sys.modules:
        return None
    from augment.cli.refusals import refusal_of  # noqa: PLC0415 - the client may not be installed

    return refusal_of(exc)
