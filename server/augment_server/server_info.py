"""What a server tells about itself."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from augment_proto.v1 import augment_pb2 as pb
from augment_server.calls import caller
from augment_server.principals import may

if TYPE_CHECKING:
    from augment_server.registry import Registry
    from augment_server.settings import Settings

__all__ = ["ServerInfo"]


class ServerInfo:
    """The facts of one server, which has just started.

    Args:
        settings: Its settings.
        registry: Its models.
    """

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._started_s = time.monotonic()
        self._started_at = Timestamp()
        self._started_at.FromDatetime(datetime.now(UTC))
        self._version = _version()

    def message(self) -> pb.GetServerInfoResponse:
        """Return the facts as they are now; models are those that the caller may do anything with."""
        settings = self._settings
        return pb.GetServerInfoResponse(
            version=self._version,
            started_at=self._started_at,
            uptime_s=time.monotonic() - self._started_s,
            models=sum(may(caller(), "", model.name) for model in self._registry.models()),
            limits=pb.ServerLimits(
                max_rows_per_request=settings.max_rows_per_request,
                max_request_bytes=settings.max_request_bytes,
                max_stream_rows=settings.max_stream_rows,
                max_queue_rows=settings.max_queue_rows,
                max_queue_s=settings.max_queue_s,
                idle_s=settings.idle_s,
            ),
            features=_features(settings),
        )


def _features(settings: Settings) -> list[str]:
    known = {
        "tls": settings.tls_cert,
        "mutual-tls": settings.tls_client_ca,
        "auth": settings.clients or settings.jwt_keys,
        "admin": settings.admin_port,
    }
    return [name for name, setting in known.items() if setting is not None]


def _version() -> str:
    try:
        return version("augment-service")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return ""
