"""Finding the Ray cluster, with an answer within seconds where there is none."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

import ray

from augment.errors import ClusterError

__all__ = ["connect", "cpus"]

_LOCAL = ("", "local", "auto")
_SETTINGS, _TYPE_PLACE = 4, 3


def connect(address: str | None = None, *, timeout_s: float = 10.0) -> None:
    """Connect this process to a Ray cluster; nothing happens where it is connected already.

    `augment.scale.ray` calls it by itself without an address.

    Args:
        address: `host:6379` of a cluster whose machines this one is among. None: what `RAY_ADDRESS` says,
            else a cluster of this machine alone is started.
        timeout_s: How long to wait for an answer.

    Raises:
        ClusterError: Nothing answers there.
    """
    if ray.is_initialized():
        return
    wanted = address if address is not None else os.environ.get("RAY_ADDRESS", "")
    if wanted not in _LOCAL:
        _require_answer(wanted, timeout_s)
    try:
        ray.init(address=wanted or None)
    except (ConnectionError, TimeoutError, RuntimeError) as exc:
        raise ClusterError(_refusal(wanted, str(exc))) from exc


def cpus() -> int:
    """Return how many processors the cluster has, at least 1."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _require_answer(address: str, timeout_s: float) -> None:
    """Refuse an address where nobody answers: Ray itself waits for minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ClusterError(_refusal(address, str(exc))) from exc
    if host is None or port is None:
        raise ClusterError(_refusal(address, "it must be host:port"))
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            heard = os.environ.get("RAY_USE_TLS") == "1" or _speaks_grpc(connection)
    except OSError as exc:
        raise ClusterError(_refusal(address, str(exc))) from exc
    if not heard:
        raise ClusterError(_refusal(address, "what listens there is no Ray"))


def _speaks_grpc(connection: socket.socket) -> bool:
    """Return whether the other side begins as HTTP/2 has it (RFC 9113, 3.4), with a frame of settings."""
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0]))
    frame = connection.recv(9)
    return len(frame) > _TYPE_PLACE and frame[_TYPE_PLACE] == _SETTINGS


def _refusal(address: str, reason: str) -> str:
    return (
        f"no Ray cluster answers at {address!r}: {reason}. Start one with `ray start --head`, "
        "or leave the address out to run on this machine"
    )
