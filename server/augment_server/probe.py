"""`python -m augment_server.probe`: is the server on this machine well? For container health checks.

Exit code 0: it answers SERVING. 1: it answers something else, or not in time. 2: the flags are wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "status_of"]

_DEFAULT_PORT = "50051"


def status_of(target: str, service: str, timeout_s: float) -> str:
    """Return what the gRPC health service at `target` says of `service`, such as "SERVING".

    Args:
        target: Address and port.
        service: The name of a model or gRPC service; "" for the whole server.
        timeout_s: Seconds for connection and answer together.

    Raises:
        grpc.RpcError: There was no answer, or the name is unknown.
    """
    request = health_pb2.HealthCheckRequest(service=service)
    with _channel(target) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer: health_pb2.HealthCheckResponse = stub.Check(request, timeout=timeout_s)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask once, print what was answered, and return the exit code.

    Args:
        arguments: The flags; None: those of the process.
    """
    given = _flags().parse_args(arguments)
    try:
        status = status_of(given.target, given.service, given.timeout_s)
    except grpc.RpcError as error:
        status = f"{error.code().name}: {error.details()}" if hasattr(error, "code") else str(error)
    sys.stdout.write(f"{given.target} {status}\n")
    return 0 if status == "SERVING" else 1


def _channel(target: str) -> grpc.Channel:
    """Return a channel that uses no proxy: what is probed is on this machine."""
    return grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)])


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m augment_server.probe", description=__doc__)
    port = os.environ.get("AUGMENT_PORT", _DEFAULT_PORT)
    parser.add_argument("--target", default=f"127.0.0.1:{port}", help="default: %(default)s, by AUGMENT_PORT")
    parser.add_argument("--service", default="", help="a model's name; default: the whole server")
    parser.add_argument("--timeout-s", type=float, default=2.0, help="seconds to wait; default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
