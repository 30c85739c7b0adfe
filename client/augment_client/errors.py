"""Everything that a call can end in, as one tree.

::

    ClientError
    |- InvalidRequestError (ValueError)      the caller can mend it; `violations` say how
    |  |- InvalidRecordsError                records that the model's schema refuses
    |  |  `- InvalidArrowError               bytes that are no plain Arrow stream
    |  `- TooLargeError                      more than the server takes in one call
    |- NotFoundError (LookupError)           `name` and `available`
    |  |- ModelNotFoundError
    |  |- VersionNotFoundError
    |  |- AliasNotFoundError
    |  `- ColumnNotFoundError
    |- UnauthenticatedError (PermissionError)  the server does not know who calls
    |- NotAllowedError (PermissionError)       the caller may not do this
    |- QuotaExceededError                    its rows are used up; `retry_after_s` says for how long
    |- OverloadedError                       too much waits; `retry_after_s` says when to come again
    |- UnsupportedOperationError             the model has no graph for it
    |- ServerError                           `request_id` names the call in the server's log
    |  `- BundleUnusableError                the model's bundle can no longer be used
    |- ProtocolError                         an answer that breaks the protocol
    |- UnavailableError (ConnectionError)    no server there, or it went away
    |- DeadlineError (TimeoutError)          no answer in time
    `- CallCancelledError                    cancelled on either side

A caller's mistake that is seen before anything is sent raises the same class, with the same field, rule
and value, as the server's refusal would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import grpc

from augment_proto.reasons import Reason
from augment_proto.refusal import Refusal, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AliasNotFoundError",
    "BundleUnusableError",
    "CallCancelledError",
    "ClientError",
    "ColumnNotFoundError",
    "DeadlineError",
    "InvalidArrowError",
    "InvalidRecordsError",
    "InvalidRequestError",
    "ModelNotFoundError",
    "NotAllowedError",
    "NotFoundError",
    "OverloadedError",
    "ProtocolError",
    "QuotaExceededError",
    "Reason",
    "ServerError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnsupportedOperationError",
    "VersionNotFoundError",
    "Violation",
]

_MAX_VALUE = 80


class ClientError(Exception):
    """The root: catch this to catch all that a call can end in.

    Attributes:
        refusal: All that is known of why.
    """

    reason = Reason.UNSPECIFIED
    """What the class stands for; what came over the wire is `refusal.reason`."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The broken rules, where it is the caller's input."""
        return self.refusal.violations

    @property
    def metadata(self) -> Mapping[str, str]:
        """More facts by name."""
        return self.refusal.metadata

    @property
    def request_id(self) -> str:
        """Names the call in the server's log; empty where no server answered."""
        return self.refusal.request_id


class InvalidRequestError(ClientError, ValueError):
    """A parameter is out of its range."""

    reason = Reason.INVALID_REQUEST

    @classmethod
    def of(cls, field: str, rule: str, value: object, remedy: str = "") -> Self:
        """Return the error for one broken rule, found before anything was sent."""
        text = repr(value)
        shown = text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 3]}..."
        violation = Violation(field, rule, shown, remedy)
        code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
        return cls(Refusal(code, cls.reason, str(violation), (violation,)))

    @property
    def field(self) -> str:
        """Where the first broken rule was broken, e.g. `rows`, `columns.age.rows[17]`."""
        return self.violations[0].field if self.violations else ""

    @property
    def rule(self) -> str:
        """What must hold there."""
        return self.violations[0].rule if self.violations else ""

    @property
    def value(self) -> str:
        """What was found there, as text."""
        return self.violations[0].value if self.violations else ""


class InvalidRecordsError(InvalidRequestError):
    """Records do not fit the model's schema."""

    reason = Reason.INVALID_RECORDS


class InvalidArrowError(InvalidRecordsError):
    """Records have types that cannot travel, or bytes that are no Arrow stream."""

    reason = Reason.INVALID_ARROW


class TooLargeError(InvalidRequestError):
    """The request, or the answer to it, is larger than the server allows."""

    reason = Reason.TOO_LARGE


class NotFoundError(ClientError, LookupError):
    """Something named does not exist."""

    @property
    def name(self) -> str:
        """What was asked for."""
        return self.metadata.get("name", "")

    @property
    def available(self) -> tuple[str, ...]:
        """What there is instead, possibly cut short."""
        return tuple(name for name in self.metadata.get("available", "").split(", ") if name)


class ModelNotFoundError(NotFoundError):
    """The server hosts no model of that name."""

    reason = Reason.MODEL_NOT_FOUND


class VersionNotFoundError(NotFoundError):
    """The model has no such version."""

    reason = Reason.VERSION_NOT_FOUND


class AliasNotFoundError(NotFoundError):
    """The model has no such alias."""

    reason = Reason.ALIAS_NOT_FOUND


class ColumnNotFoundError(NotFoundError):
    """The records lack a column."""

    reason = Reason.COLUMN_NOT_FOUND


class UnauthenticatedError(ClientError, PermissionError):
    """The server does not know who calls: no token, or one that is wrong or has expired."""

    reason = Reason.UNAUTHENTICATED


class NotAllowedError(ClientError, PermissionError):
    """The caller may not do this with this model."""

    reason = Reason.NOT_ALLOWED


class QuotaExceededError(ClientError):
    """The caller has used up its rows for now."""

    reason = Reason.QUOTA_EXCEEDED

    @property
    def retry_after_s(self) -> float | None:
        """In how many seconds the same call may succeed; None: the server did not say."""
        return self.refusal.retry_after_s


class OverloadedError(ClientError):
    """More waits than the server takes on."""

    reason = Reason.OVERLOADED

    @property
    def retry_after_s(self) -> float | None:
        """In how many seconds the same call may succeed; None: the server did not say."""
        return self.refusal.retry_after_s


class UnsupportedOperationError(ClientError):
    """The model has no graph for the wanted operation."""

    reason = Reason.UNSUPPORTED_OPERATION


class ServerError(ClientError):
    """The server failed; its log has more under `request_id`."""

    reason = Reason.INTERNAL


class BundleUnusableError(ServerError):
    """The model's bundle can no longer be used; its operator must look at it."""

    reason = Reason.BUNDLE_UNUSABLE


class ProtocolError(ClientError):
    """The answer breaks the protocol: rows missing or twice, bytes that are no Arrow stream."""

    @classmethod
    def of(cls, rule: str, value: object) -> Self:
        """Return the error for an answer that breaks `rule`."""
        return cls(Refusal(grpc.StatusCode.DATA_LOSS.value[0], cls.reason, f"the answer {rule}, got {value}"))


class UnavailableError(ClientError, ConnectionError):
    """No server answers at the address, or it went away during the call."""


class DeadlineError(ClientError, TimeoutError):
    """The answer did not come in time."""


class CallCancelledError(ClientError):
    """The call was cancelled, by this side or the other."""
