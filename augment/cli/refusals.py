"""What a server refused, or why there was no answer, as a message and an exit code."""

from __future__ import annotations

from augment.cli.failures import BAD_INPUT, UNEXPECTED, Failure, broken_rules, not_found
from augment_client import (
    BundleUnusableError,
    CallCancelledError,
    ClientError,
    ColumnNotFoundError,
    DeadlineError,
    ModelNotFoundError,
    NotFoundError,
    ProtocolError,
    ServerError,
    UnavailableError,
    VersionNotFoundError,
)

__all__ = ["refusal_of"]

_KINDS = {ModelNotFoundError: "model", VersionNotFoundError: "model version", ColumnNotFoundError: "column"}
_FAULTS = (ServerError, ProtocolError, DeadlineError, CallCancelledError)


def refusal_of(exc: BaseException) -> Failure | None:
    """Return what to tell about an error of the client library; None for any other exception."""
    if not isinstance(exc, ClientError):
        return None
    if isinstance(exc, UnavailableError):
        remedy = "check --server, or start one: augment serve --models models/"
        return Failure(f"no server answers: {exc}\n  remedy  {remedy}", BAD_INPUT)
    if isinstance(exc, NotFoundError) and exc.name:
        return Failure(not_found(_KINDS.get(type(exc), "item"), exc.name, exc.available), BAD_INPUT)
    if exc.violations:
        return Failure(broken_rules(exc.violations, ""), BAD_INPUT)
    fault = isinstance(exc, _FAULTS) and not isinstance(exc, BundleUnusableError)
    return Failure(str(exc), UNEXPECTED if fault else BAD_INPUT)
