"""How the client's connections are set up."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from augment_client.errors import InvalidRequestError
from augment_proto.reasons import SERVICE

__all__ = [
    "DEFAULT_TARGET",
    "DEFAULT_TIMEOUT_S",
    "channel_options",
    "checked_token",
    "is_forked",
    "tls_credentials",
]

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_TARGET = "localhost:50051"
DEFAULT_TIMEOUT_S = 60.0

_MAX_ANSWER_BYTES = 256 * 2**20

# As gRPC reads it. It leaves `dns://resolver/host` alone, where another machine says what is called.
_SCHEME = re.compile(r"\A(?:dns|ipv4|ipv6):(?:///|/)?")
_LOCALHOST = re.compile(r"localhost(:[0-9]+)?", re.IGNORECASE)
_IP_AND_PORT = re.compile(r"(?:(?P<v4>[0-9.]+)|\[(?P<v6>[0-9a-fA-F:.]+)\])(?::[0-9]+)?")

# Every call only reads, so that each may be sent again; gRPC does so until an answer's headers come. But not
# streams, which have no deadline: where the connection is cut while one is opened, gRPC's retry may wait for
# ever (seen with grpcio 1.85: a server killed and started again). `Patience` sees to those.
_SERVICE_CONFIG = {
    # A name that resolves to several servers, as a headless service does, is called in turn.
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {"name": [{"service": SERVICE, "method": method} for method in ("Generate", "DenoiseStream")]},
        {
            "name": [{"service": SERVICE}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        },
    ],
}


_processes: set[int] = set()  # that made a channel: this one, and those it was forked from


def is_forked() -> bool:
    """Return whether this process was forked from one that had made a channel: its calls would hang for ever.

    gRPC's threads do not survive a fork, unless it was imported with GRPC_ENABLE_FORK_SUPPORT set.
    """
    supported = os.environ.get("GRPC_ENABLE_FORK_SUPPORT", "").lower() in ("1", "t", "true", "y", "yes")
    return not supported and bool(_processes - {os.getpid()})


def channel_options(target: str) -> list[tuple[str, str | int]]:
    """Return gRPC's settings: retries, sizes, and pings that notice a server that is gone.

    A server on this machine is never called through a proxy, whatever `http_proxy` and `no_proxy` say: it has
    another machine's loopback, and would see a token that was meant for this one alone.
    """
    _processes.add(os.getpid())
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
        ("grpc.enable_http_proxy", int(not _is_loopback(target))),
    ]


def tls_credentials(
    ca: Path | str | None = None, *, cert: Path | str | None = None, key: Path | str | None = None
) -> grpc.ChannelCredentials:
    """Return the credentials of a connection with TLS.

    Args:
        ca: PEM file of who must have signed the server's certificate; None: whom gRPC trusts by itself.
        cert: PEM file of the client's own certificate chain, where the server wants one (mutual TLS).
        key: PEM file of its key.

    Raises:
        InvalidRequestError: A file cannot be read, or `cert` is given without `key`.
    """
    if (cert is None) != (key is None):
        raise InvalidRequestError.of("cert", "must be given together with key", str(cert or key))
    return grpc.ssl_channel_credentials(
        root_certificates=_pem("ca", ca), private_key=_pem("key", key), certificate_chain=_pem("cert", cert)
    )


def checked_token(token: str | None, targets: Sequence[str], *, encrypted: bool) -> str:
    """Return the token, empty for None, if it may be sent: in plain text only within this machine.

    Raises:
        InvalidRequestError: It may not, or is no token.
    """
    if token is None:
        return ""
    if not isinstance(token, str) or not token or not token.isascii() or any(map(str.isspace, token)):
        raise InvalidRequestError.of("token", "must be text without spaces", "(not shown)")
    far = [target for target in targets if not encrypted and not _is_loopback(target)]
    if far:
        remedy = "Give channel_credentials=tls_credentials(...)"
        raise InvalidRequestError.of("token", "must be sent over TLS beyond this machine", far[0], remedy)
    return token


def _pem(field: str, path: Path | str | None) -> bytes | None:
    try:
        return None if path is None else Path(path).read_bytes()
    except OSError as error:
        raise InvalidRequestError.of(field, "must be a readable PEM file", str(path)) from error


def _is_loopback(target: str) -> bool:
    """Whether all of a target is this machine for certain: no other may see a token in plain text."""
    if target.startswith("unix:"):
        return True
    address = _SCHEME.sub("", target)
    addresses = address.split(",") if target.startswith(("ipv4:", "ipv6:")) else [address]
    return all(map(_is_own_address, addresses))


def _is_own_address(address: str) -> bool:
    if _LOCALHOST.fullmatch(address):
        return True
    found = _IP_AND_PORT.fullmatch(address)
    try:
        return found is not None and ipaddress.ip_address(found["v4"] or found["v6"]).is_loopback
    except ValueError:
        return False
