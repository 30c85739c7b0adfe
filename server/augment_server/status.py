"""The one table from domain errors to what goes over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from augment.errors import (
    BundleError,
    ColumnNotFoundError,
    DataFileError,
    GraphError,
    InvalidInputError,
    ModelNotFoundError,
    NotFoundError,
    RecordsError,
    RequestError,
    SchemaError,
    UnsupportedError,
    VersionNotFoundError,
)
from augment_proto.errors import ArrowFormatError, ArrowLimitError
from augment_proto.reasons import Reason
from augment_proto.refusal import Refusal, Violation
from augment_server.denials import (
    IdleError,
    NotAllowedError,
    OverloadedError,
    QuotaError,
    UnauthenticatedError,
)
from augment_server.hosting.snapshot import AliasNotFoundError
from augment_server.hosting.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TABLE", "TooLargeError", "is_fault", "refusal_of"]


class TooLargeError(RequestError):
    """The request, or the answer to it, is larger than this server allows."""


@dataclass(frozen=True)
class _Row:
    code: grpc.StatusCode
    reason: Reason


_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_FAULT = _Row(grpc.StatusCode.INTERNAL, Reason.INTERNAL)

# The first row whose class fits decides: special cases before general ones.
TABLE: Mapping[type[Exception], _Row] = {
    UnauthenticatedError: _Row(grpc.StatusCode.UNAUTHENTICATED, Reason.UNAUTHENTICATED),
    NotAllowedError: _Row(grpc.StatusCode.PERMISSION_DENIED, Reason.NOT_ALLOWED),
    QuotaError: _Row(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.QUOTA_EXCEEDED),
    OverloadedError: _Row(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED),
    IdleError: _Row(grpc.StatusCode.DEADLINE_EXCEEDED, Reason.IDLE),
    TooLargeError: _Row(_INVALID, Reason.TOO_LARGE),
    ArrowLimitError: _Row(_INVALID, Reason.TOO_LARGE),
    ArrowFormatError: _Row(_INVALID, Reason.INVALID_ARROW),
    RecordsError: _Row(_INVALID, Reason.INVALID_RECORDS),
    SchemaError: _Row(_INVALID, Reason.INVALID_RECORDS),
    DataFileError: _Row(_INVALID, Reason.INVALID_RECORDS),
    InvalidInputError: _Row(_INVALID, Reason.INVALID_REQUEST),
    ColumnNotFoundError: _Row(_INVALID, Reason.COLUMN_NOT_FOUND),
    ModelNotFoundError: _Row(grpc.StatusCode.NOT_FOUND, Reason.MODEL_NOT_FOUND),
    VersionNotFoundError: _Row(grpc.StatusCode.NOT_FOUND, Reason.VERSION_NOT_FOUND),
    AliasNotFoundError: _Row(grpc.StatusCode.NOT_FOUND, Reason.ALIAS_NOT_FOUND),
    UnsupportedError: _Row(grpc.StatusCode.UNIMPLEMENTED, Reason.UNSUPPORTED_OPERATION),
    GraphError: _FAULT,
    BundleError: _Row(grpc.StatusCode.FAILED_PRECONDITION, Reason.BUNDLE_UNUSABLE),
    StoreError: _Row(grpc.StatusCode.UNAVAILABLE, Reason.STORE_UNAVAILABLE),
}


def refusal_of(error: Exception, request_id: str) -> Refusal:
    """Return what the caller is told about `error`.

    What is not in the table is a fault of ours: the caller gets the request's id and nothing else.
    """
    row = _row(error)
    return Refusal(
        code=row.code.value[0],
        reason=row.reason,
        message=_message(error, request_id),
        violations=_violations(error),
        metadata=_metadata(error),
        request_id=request_id,
        retry_after_s=error.retry_after_s if isinstance(error, QuotaError | OverloadedError) else None,
        quota_subject=error.client if isinstance(error, QuotaError) else "",
    )


def is_fault(error: Exception) -> bool:
    """Return whether it is the operator, not the caller, who must look at `error`."""
    return _row(error) is _FAULT or isinstance(error, BundleError | StoreError)


def _row(error: Exception) -> _Row:
    return next((row for kind, row in TABLE.items() if isinstance(error, kind)), _FAULT)


def _violations(error: Exception) -> tuple[Violation, ...]:
    if isinstance(error, InvalidInputError):
        return tuple(
            Violation(broken.field, broken.rule, broken.value, broken.remedy) for broken in error.violations
        )
    if isinstance(error, ArrowFormatError):
        return (Violation(error.field, error.rule, error.value),)
    if isinstance(error, ColumnNotFoundError):
        return (Violation(f"columns.{error.name}", "must be there", "no such column"),)
    return ()


def _metadata(error: Exception) -> dict[str, str]:
    if isinstance(error, NotFoundError):
        return {"name": error.name, "available": ", ".join(error.available)}
    return {}


def _message(error: Exception, request_id: str) -> str:
    if isinstance(error, GraphError):
        remedy = "Leave out records with extreme values, or ask for another version of the model"
        return f"{error.told}. {remedy}; the server's log has more under {request_id}"
    if isinstance(error, BundleError):
        return f"the model's bundle cannot be used; the server's log has the reason under {request_id}"
    if isinstance(error, StoreError):
        return f"the models cannot be read or written; the server's log has the reason under {request_id}"
    if _row(error) is _FAULT:
        return f"the server failed; its log has the reason under {request_id}"
    violations = _violations(error)
    return "; ".join(str(violation) for violation in violations) or str(error)
