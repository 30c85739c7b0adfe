"""How the client's connections are set up."""

from __future__ import annotations

import json

from augment_proto.reasons import SERVICE

__all__ = ["DEFAULT_TARGET", "DEFAULT_TIMEOUT_S", "channel_options"]

DEFAULT_TARGET = "localhost:50051"
DEFAULT_TIMEOUT_S = 60.0

_MAX_ANSWER_BYTES = 256 * 2**20

# Every call only reads, so that each may be sent again; gRPC does so until an answer's headers come.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{"service": SERVICE}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


def channel_options() -> list[tuple[str, str | int]]:
    """Return gRPC's settings: retries, sizes, and pings that notice a server that is gone."""
    return [
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
        ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]
