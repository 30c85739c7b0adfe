"""Everything that can go wrong, as one tree. Knows no transport.

::

    AugmentError
    |- InvalidInputError (ValueError)   the caller can mend it; carries `violations`
    |  |- DataFileError                 a data file: missing, empty, ragged, mixed types
    |  |- SchemaError                   a schema, or a table that does not fit its schema
    |  |- RecordsError                  records sent to a model that its schema refuses
    |  `- RequestError                  a parameter out of its range
    |- NotFoundError (LookupError)
    |  |- ModelNotFoundError            no such model name
    |  |- VersionNotFoundError          the model has no such version
    |  `- ColumnNotFoundError           the records have no such column
    |- UnsupportedError                 the model has no graph for the wanted operation
    |- BundleError                      a bundle cannot be used
    |  |- BundleCorruptError            a file missing, changed, or answering otherwise than recorded
    |  |  `- GraphError                 a graph failed, or gave NaN or what the manifest does not say
    |  |- BundleVersionError            a newer format than this library reads
    |  `- BundleUnsafeError             external data, a path that leaves the directory, a link
    |- PublishError                     a bundle or file could not be written; earlier versions are whole
    |- GateError                        a figure is beyond the limit that was set for it
    |- StepError                        a step cannot go on: another run has its output, workers die
    |- TrainingError                    training cannot go on: divergence, no rows to learn from
    |- ExportError                      torch and onnxruntime disagree past the tolerance
    `- ClusterError                     no cluster answers, or not the one that was meant
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AugmentError",
    "BundleCorruptError",
    "BundleError",
    "BundleUnsafeError",
    "BundleVersionError",
    "ClusterError",
    "ColumnNotFoundError",
    "DataFileError",
    "ExportError",
    "GateError",
    "GraphError",
    "InvalidInputError",
    "ModelNotFoundError",
    "NotFoundError",
    "NothingLearntError",
    "PublishError",
    "RecordsError",
    "RequestError",
    "SchemaError",
    "StepError",
    "TrainingError",
    "UnsupportedError",
    "VersionNotFoundError",
    "Violation",
    "meant",
    "shorten",
]


@dataclass(frozen=True)
class Violation:
    """One broken rule.

    Attributes:
        field: Where: a parameter (`rows`), a column (`columns.age`), or a cell
            (`columns.age.rows[17]`, counted from 0 over data rows).
        rule: What must hold, e.g. `must be in [1, 1000000]`.
        value: What was found, as text, e.g. `0`.
        remedy: What to do about it; may be empty where the rule says it all.
    """

    field: str
    rule: str
    value: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.field} {self.rule}, got {self.value}"
        return f"{text}. {self.remedy}" if self.remedy else text


class AugmentError(Exception):
    """The root: catch this to catch all that this library raises on purpose.

    They cross processes whole: workers tell whoever gave them their work.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[AugmentError], args: tuple[object, ...], state: dict[str, object]) -> AugmentError:
    """Return an error as it was, whatever its class is constructed of."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidInputError(AugmentError, ValueError):
    """The caller's input breaks a rule. Nothing was changed or lost.

    Attributes:
        violations: The broken rules, at least one.
        context: What was being read, e.g. a file's path; may be empty.
    """

    def __init__(self, *violations: Violation, context: str = "") -> None:
        if not violations:
            msg = "an InvalidInputError needs at least one violation"
            raise TypeError(msg)
        self.violations = violations
        self.context = context
        lines = "; ".join(str(violation) for violation in violations)
        super().__init__(f"{context}: {lines}" if context else lines)

    @classmethod
    def of(  # the common case: one violation
        cls, field: str, rule: str, value: object, remedy: str = "", *, context: str = ""
    ) -> Self:
        """Return the error for one broken rule; `value` is shown cut to 80 characters."""
        return cls(Violation(field, rule, shorten(value), remedy), context=context)


class DataFileError(InvalidInputError):
    """A data file cannot be read as a table; `context` is its path."""


class SchemaError(InvalidInputError):
    """A schema breaks a rule, or a table does not fit its schema."""


class RecordsError(InvalidInputError):
    """Records sent to a model do not fit the model's schema."""


class RequestError(InvalidInputError):
    """A parameter is out of its range."""


class NotFoundError(AugmentError, LookupError):
    """Something named does not exist.

    Attributes:
        name: What was asked for.
        available: What there is instead, possibly cut short.
        context: Where it was looked for, e.g. a file's path; may be empty.
    """

    kind = "item"

    def __init__(self, name: str, available: tuple[str, ...] = (), *, context: str = "") -> None:
        self.name = name
        self.available = available
        self.context = context
        there = ", ".join(available) if available else "none"
        where = f"{context}: " if context else ""
        super().__init__(f"{where}no {self.kind} {name!r}; there is: {there}")


class ModelNotFoundError(NotFoundError):
    """No model of that name is hosted or stored."""

    kind = "model"


class VersionNotFoundError(NotFoundError):
    """The model has no such version; `name` is `model/version`."""

    kind = "model version"


class ColumnNotFoundError(NotFoundError):
    """The records or the schema have no such column."""

    kind = "column"


class UnsupportedError(AugmentError):
    """The model has no graph for the wanted operation."""


class BundleError(AugmentError):
    """A bundle cannot be used. `path` is the bundle's directory."""

    def __init__(self, path: object, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"bundle {self.path}: {reason}")


class BundleCorruptError(BundleError):
    """A file is missing or changed, or a graph answers otherwise than recorded."""


class GraphError(BundleCorruptError):
    """A graph failed as it ran, or gave NaN, infinity or what the manifest does not say. Others may run well.

    Attributes:
        told: Which graph, and what it did, without the values it worked on.
    """

    def __init__(self, path: object, reason: str, detail: str = "") -> None:
        super().__init__(path, f"{reason}: {detail}" if detail else reason)
        self.told = reason


class BundleVersionError(BundleError):
    """The bundle's format is newer than this library reads."""


class BundleUnsafeError(BundleError):
    """The bundle holds what no bundle may: external data, a link, a path that leaves it."""


class PublishError(AugmentError):
    """Writing failed (disk full, permission). What was there before is whole."""


class GateError(AugmentError):
    """A figure is beyond the limit that the caller set for it: what was made is not to be used."""


class StepError(AugmentError):
    """A step of a pipeline cannot go on now. What is made so far is kept; the same run goes on from it."""


class TrainingError(AugmentError):
    """Training cannot start or go on."""


class NothingLearntError(TrainingError):
    """A model was stopped before its first step."""


class ExportError(AugmentError):
    """An exported graph does not compute what the torch module computes."""


class ClusterError(AugmentError):
    """No cluster answers at the address, or it cannot be used."""


def meant(asked: object, names: Iterable[str]) -> str:
    """Return a question about the name that a misspelt one is most alike; empty if none is.

    >>> meant("denoisr", ["vae", "denoiser"])
    "Did you mean 'denoiser'?"
    """
    alike = difflib.get_close_matches(str(asked).lower(), list(names), n=1, cutoff=0.6)
    return f"Did you mean {alike[0]!r}?" if alike else ""


def shorten(value: object, limit: int = 80) -> str:
    """Return `repr(value)` cut to `limit` characters, for messages.

    >>> shorten("a" * 100, 10)
    "'aaaaaa..."
    """
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
