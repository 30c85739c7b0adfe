"""`python -m augment_server.probe`: is the server on this machine well? For container health checks.

Where AUGMENT_TLS_CERT is set it speaks TLS, and trusts the certificate in that file alone, whatever its name.

Exit code 0: it answers SERVING. 1: it answers something else, or not in time. 2: the flags are wrong.
"""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Tls", "main", "status_of"]

_DEFAULT_PORT = "50051"


@dataclass(frozen=True)
class Tls:
    """Files of certificates.

    Attributes:
        ca: Whom to trust.
        cert: The own one, where the server asks for it; empty: none.
        key: The key of that.
    """

    ca: str
    cert: str = ""
    key: str = ""


def status_of(target: str, service: str, timeout_s: float, tls: Tls | None = None) -> str:
    """Return what the gRPC health service at `target` says of `service`, such as "SERVING".

    Args:
        target: Address and port.
        service: The name of a model or gRPC service; "" for the whole server.
        timeout_s: Seconds for connection and answer together.
        tls: How the connection is encrypted; None: it is not.

    Raises:
        grpc.RpcError: There was no answer, or the name is unknown.
        OSError: There is nobody who has the certificate.
    """
    request = health_pb2.HealthCheckRequest(service=service)
    with _channel(target, tls, timeout_s) as channel:
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
        tls = Tls(given.ca, given.cert, given.key) if given.ca else None
        status = status_of(given.target, given.service, given.timeout_s, tls)
    except grpc.RpcError as error:
        status = f"{error.code().name}: {error.details()}" if hasattr(error, "code") else str(error)
    except OSError as error:
        status = f"{type(error).__name__}: {error}"
    sys.stdout.write(f"{given.target} {status}\n")
    return 0 if status == "SERVING" else 1


def _channel(target: str, tls: Tls | None, timeout_s: float) -> grpc.Channel:
    """Return a channel that uses no proxy: what is probed is on this machine."""
    options: list[tuple[str, Any]] = [("grpc.enable_http_proxy", 0)]
    if tls is None:
        return grpc.insecure_channel(target, options)
    key = Path(tls.key).read_bytes() if tls.key else None
    cert = Path(tls.cert).read_bytes() if tls.cert else None
    credentials = grpc.ssl_channel_credentials(Path(tls.ca).read_bytes(), key, cert)
    options.append(("grpc.ssl_target_name_override", _name_at(target, tls.ca, timeout_s)))
    return grpc.secure_channel(target, credentials, options)


def _name_at(target: str, ca: str, timeout_s: float) -> str:
    """Return a name that the certificate at `target` is for: gRPC wants to know one beforehand."""
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2"])
    host, _, port = target.rpartition(":")
    with (
        socket.create_connection((host.strip("[]"), int(port)), timeout_s) as connection,
        context.wrap_socket(connection) as encrypted,
    ):
        names: Any = (encrypted.getpeercert() or {}).get("subjectAltName", ())
    return next((str(name).replace("*", "any") for _, name in names), host)


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m augment_server.probe", description=__doc__)
    port = os.environ.get("AUGMENT_PORT", _DEFAULT_PORT)
    parser.add_argument("--target", default=f"127.0.0.1:{port}", help="default: %(default)s, by AUGMENT_PORT")
    parser.add_argument("--service", default="", help="a model's name; default: the whole server")
    ca = os.environ.get("AUGMENT_TLS_CERT", "")
    parser.add_argument("--ca", default=ca, help="certificates to trust; default: those of AUGMENT_TLS_CERT")
    parser.add_argument("--cert", default="", help="its own certificate, where the server asks for one")
    parser.add_argument("--key", default="", help="the key of that")
    parser.add_argument("--timeout-s", type=float, default=2.0, help="seconds to wait; default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
