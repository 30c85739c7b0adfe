"""Turns a failed call into the exception that says why."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from augment_client.errors import (
    AliasNotFoundError,
    BundleUnusableError,
    CallCancelledError,
    ClientError,
    ColumnNotFoundError,
    DeadlineError,
    InvalidArrowError,
    InvalidRecordsError,
    InvalidRequestError,
    ModelNotFoundError,
    NotAllowedError,
    NotFoundError,
    OverloadedError,
    QuotaExceededError,
    ServerError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedOperationError,
    VersionNotFoundError,
)
from augment_proto.reasons import Reason
from augment_proto.refusal import Refusal, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["error_of", "is_own_cancellation", "server_cancelled", "stream_closed"]

_BY_REASON: Mapping[Reason, type[ClientError]] = {
    kind.reason: kind
    for kind in (
        InvalidRequestError,
        InvalidRecordsError,
        InvalidArrowError,
        TooLargeError,
        ModelNotFoundError,
        VersionNotFoundError,
        AliasNotFoundError,
        ColumnNotFoundError,
        UnsupportedOperationError,
        ServerError,
        BundleUnusableError,
        UnauthenticatedError,
        NotAllowedError,
        QuotaExceededError,
        OverloadedError,
    )
}
_BY_CODE: Mapping[grpc.StatusCode, type[ClientError]] = {
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.CANCELLED: CallCancelledError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooLargeError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowedError,
    grpc.StatusCode.UNIMPLEMENTED: UnsupportedOperationError,
    grpc.StatusCode.INTERNAL: ServerError,
    grpc.StatusCode.UNKNOWN: ServerError,
}


def error_of(call: grpc.RpcError) -> ClientError:
    """Return what a failed call, sync or async, is raised as.

    The reason decides; the status code only where no reason came, because it was gRPC that refused
    (nobody there, too late, too large a message).
    """
    status = _status(call)
    refusal = unpack(status) if status is not None else _bare(call)
    code = _code(call)
    kind = _BY_REASON.get(refusal.reason) or _BY_CODE.get(code, ClientError)
    return kind(refusal)


def is_own_cancellation() -> bool:
    """Return whether the running task is being cancelled, and not only the call that it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def server_cancelled() -> CallCancelledError:
    """Return the error of a call that the server cancelled: asyncio's own exception says too little."""
    return _cancelled("the server cancelled the call")


def stream_closed() -> CallCancelledError:
    """Return the error of going on with a stream that was closed, or whose input failed, before its end."""
    return _cancelled("the stream was closed before its end")


def _cancelled(why: str) -> CallCancelledError:
    code = grpc.StatusCode.CANCELLED
    return CallCancelledError(Refusal(code.value[0], Reason.UNSPECIFIED, f"{code.name}: {why}"))


def _status(call: Any) -> object:
    try:
        return rpc_status.from_call(call)
    except (AttributeError, ValueError, DecodeError):  # no details, or such as contradict the status
        return None


def _code(call: grpc.RpcError) -> grpc.StatusCode:
    code = call.code() if hasattr(call, "code") else None
    return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN


def _bare(call: grpc.RpcError) -> Refusal:
    code = _code(call)
    details = call.details() if hasattr(call, "details") else ""
    return Refusal(code.value[0], Reason.UNSPECIFIED, f"{code.name}: {details or 'no details'}")
