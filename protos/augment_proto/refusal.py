"""A refused call as a value, and as a `google.rpc.Status` with standard details.

The server packs what the client unpacks, so that nobody parses an error's text:

=====================  ====================================================================
`ErrorInfo`            `reason`, `domain` and `metadata`; the parts of violation number 0 are
                       under `rule-0`, `value-0`, `remedy-0`
`BadRequest`           one field violation each: `field`, `reason`, and a sentence for people
`RetryInfo`            when to come again
`QuotaFailure`         whose quota is used up
`RequestInfo`          the request's id, under which the server's log has more
=====================  ====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # ships no types

from augment_proto.reasons import DOMAIN, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.message import Message

__all__ = ["Refusal", "Violation", "pack", "unpack"]

# A status travels in HTTP/2 headers, in base64; of those peers take 8 KiB by default.
_MAX_STATUS_BYTES = 4096
_MAX_VIOLATIONS = 8
_MAX_METADATA = 8
_LONG_TEXT, _SHORT_TEXT = 500, 200


@dataclass(frozen=True)
class Violation:
    """One broken rule.

    Attributes:
        field: Where: a request field (`rows`), a column (`columns.age`), a cell (`columns.age.rows[17]`).
        rule: What must hold, e.g. `must be in [1, 1000000]`.
        value: What was found, as text.
        remedy: What to do about it; may be empty.
    """

    field: str
    rule: str
    value: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.field} {self.rule}, got {self.value}"
        return f"{text}. {self.remedy}" if self.remedy else text


@dataclass(frozen=True)
class Refusal:
    """Why a call was refused.

    Attributes:
        code: gRPC's status code as a number.
        reason: What programs look at.
        message: For people.
        violations: The broken rules, if it was the caller's input; the first eight of them.
        metadata: More facts, e.g. `name` and `available` of what was not found.
        request_id: Names the call in the server's log.
        retry_after_s: In how many seconds the same call may succeed; None: not known.
        quota_subject: Whose quota is used up; empty: nobody's.
    """

    code: int
    reason: Reason
    message: str
    violations: tuple[Violation, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    retry_after_s: float | None = None
    quota_subject: str = ""


def pack(refusal: Refusal) -> status_pb2.Status:
    """Return the refusal as a status small enough for HTTP/2 headers.

    Long texts are cut, further where they are many; then of many violations the last are left out.
    """
    most = min(len(refusal.violations), _MAX_VIOLATIONS)
    for count, longest in ((most, _LONG_TEXT), *((fewer, _SHORT_TEXT) for fewer in range(most, 0, -1))):
        status = _pack(refusal, refusal.violations[:count], longest)
        if status.ByteSize() <= _MAX_STATUS_BYTES:
            return status
    return _pack(refusal, (), _SHORT_TEXT)


def unpack(status: status_pb2.Status) -> Refusal:
    """Return the refusal that a status carries; what is absent or unknown is left empty."""
    info = error_details_pb2.ErrorInfo()
    request = error_details_pb2.BadRequest()
    about = error_details_pb2.RequestInfo()
    retry = error_details_pb2.RetryInfo()
    quota = error_details_pb2.QuotaFailure()
    for detail in status.details:
        for wanted in (info, request, about, retry, quota):
            if detail.Is(wanted.DESCRIPTOR):
                detail.Unpack(wanted)
    known = info.domain == DOMAIN and info.reason in Reason.__members__
    metadata = dict(info.metadata)
    violations = tuple(
        _violation(broken.field, metadata, number) for number, broken in enumerate(request.field_violations)
    )
    return Refusal(
        code=status.code,
        reason=Reason(info.reason) if known else Reason.UNSPECIFIED,
        message=status.message,
        violations=violations,
        metadata=metadata,
        request_id=about.request_id,
        retry_after_s=_seconds(retry),
        quota_subject=quota.violations[0].subject if quota.violations else "",
    )


def _seconds(retry: error_details_pb2.RetryInfo) -> float | None:
    if not retry.HasField("retry_delay"):
        return None
    return float(retry.retry_delay.seconds) + float(retry.retry_delay.nanos) / 1e9


def _pack(refusal: Refusal, chosen: Iterable[Violation], longest: int) -> status_pb2.Status:
    violations = [_cut(violation, longest) for violation in chosen]
    metadata = {key: _short(value, longest) for key, value in list(refusal.metadata.items())[:_MAX_METADATA]}
    for number, violation in enumerate(violations):
        metadata |= _parts(violation, number)
    info = error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=metadata)
    details: list[Message] = [info]
    if violations:
        details.append(_bad_request(violations, refusal.reason, longest))
    if refusal.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(refusal.retry_after_s * 1e9))
        details.append(retry)
    if refusal.quota_subject:
        violation = error_details_pb2.QuotaFailure.Violation(
            subject=_short(refusal.quota_subject, longest), description=_short(refusal.message, longest)
        )
        details.append(error_details_pb2.QuotaFailure(violations=[violation]))
    if refusal.request_id:
        details.append(error_details_pb2.RequestInfo(request_id=refusal.request_id))
    return status_pb2.Status(
        code=refusal.code, message=_short(refusal.message, longest), details=_packed(details)
    )


def _bad_request(
    violations: Iterable[Violation], reason: Reason, longest: int
) -> error_details_pb2.BadRequest:
    broken = error_details_pb2.BadRequest.FieldViolation
    return error_details_pb2.BadRequest(
        field_violations=[
            broken(field=violation.field, description=_short(str(violation), longest), reason=reason)
            for violation in violations
        ]
    )


def _parts(violation: Violation, number: int) -> dict[str, str]:
    parts = {"rule": violation.rule, "value": violation.value, "remedy": violation.remedy}
    return {f"{key}-{number}": text for key, text in parts.items() if text}


def _violation(field_path: str, metadata: dict[str, str], number: int) -> Violation:
    rule, value, remedy = (metadata.pop(f"{key}-{number}", "") for key in ("rule", "value", "remedy"))
    return Violation(field_path, rule, value, remedy)


def _packed(details: Iterable[Message]) -> list[any_pb2.Any]:
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    return packed


def _cut(violation: Violation, longest: int) -> Violation:
    texts = (violation.field, violation.rule, violation.value, violation.remedy)
    return Violation(*(_short(text, longest) for text in texts))


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
