"""What a server tells about itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from augment_proto.v1 import augment_pb2 as pb

__all__ = ["ServerInfo"]


@dataclass(frozen=True)
class ServerInfo:
    """A server.

    Attributes:
        version: Of its package.
        started_at: When it started, in UTC.
        uptime_s: Seconds since then.
        models: How many models it hosts that the caller may do anything with.
        features: What is switched on: "tls", "mutual-tls", "auth".
        max_rows_per_request: Records in one unary call, in either direction.
        max_request_bytes: Bytes of one request.
        max_stream_rows: Rows that one call of `generate` may ask for.
        max_queue_rows: Rows of work that may wait; more is refused with `OverloadedError`.
        max_queue_s: For how many seconds.
        idle_s: After how many seconds a caller that neither sends nor reads is cut off.
    """

    version: str
    started_at: dt.datetime
    uptime_s: float
    models: int
    features: tuple[str, ...]
    max_rows_per_request: int
    max_request_bytes: int
    max_stream_rows: int
    max_queue_rows: int
    max_queue_s: float
    idle_s: float

    @classmethod
    def of(cls, answer: pb.GetServerInfoResponse) -> Self:
        """Return what a server answered."""
        limits = answer.limits
        return cls(
            answer.version,
            answer.started_at.ToDatetime(dt.UTC),
            answer.uptime_s,
            answer.models,
            tuple(answer.features),
            limits.max_rows_per_request,
            limits.max_request_bytes,
            limits.max_stream_rows,
            limits.max_queue_rows,
            limits.max_queue_s,
            limits.idle_s,
        )
