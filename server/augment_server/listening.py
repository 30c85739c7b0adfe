"""Where a server listens, and behind which credentials: TLS, whose certificates may change."""

from __future__ import annotations

import ipaddress
import ssl
from typing import TYPE_CHECKING, Any

import grpc

from augment.errors import RequestError
from augment_server.followed import Followed

if TYPE_CHECKING:
    from pathlib import Path

    from augment_server.settings import Settings

__all__ = ["Certificates", "address_of", "listen", "listen_for_admin", "require_safe", "taken"]


def listen(server: Any, settings: Settings) -> int:
    """Let a gRPC server listen as the settings say; returns the port.

    Raises:
        RequestError: Plain text beyond this machine was not asked for by name, a certificate cannot be used,
            or the address is taken.
    """
    require_safe(settings)
    address = address_of(settings.host, settings.port)
    try:
        if settings.tls_cert is None or settings.tls_key is None:
            return int(server.add_insecure_port(address))
        certificates = Certificates(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        return int(server.add_secure_port(address, certificates.credentials()))
    except RuntimeError as error:
        raise taken(address) from error


def listen_for_admin(server: Any, settings: Settings) -> int:
    """Let the AdminService's gRPC server listen as the settings say; returns the port.

    Raises:
        RequestError: The address is taken.
    """
    address = address_of(settings.admin_host, settings.admin_port or 0)
    try:
        return int(server.add_insecure_port(address))
    except RuntimeError as error:
        raise RequestError.of("admin_port", "must be free to listen on", address) from error


def address_of(host: str, port: int) -> str:
    """Return both as gRPC writes them: `127.0.0.1:50051`, `[::1]:50051`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def taken(address: str) -> RequestError:
    """Return the error for an address that cannot be listened on."""
    remedy = "Choose another, or port 0 for a free one"
    return RequestError.of("port", "must be free to listen on", address, remedy)


def require_safe(settings: Settings) -> None:
    """Refuse settings that would let strangers listen in.

    Raises:
        RequestError: They would, or are incomplete.
    """
    if (settings.tls_cert is None) != (settings.tls_key is None):
        rule = "must be given together with --tls-key"
        raise RequestError.of("tls-cert", rule, f"{settings.tls_cert}, {settings.tls_key}")
    if settings.tls_client_ca is not None and settings.tls_cert is None:
        raise RequestError.of("tls-client-ca", "needs --tls-cert and --tls-key", str(settings.tls_client_ca))
    if settings.tls_cert is None and not settings.plaintext and not _is_loopback(settings.host):
        remedy = "Give --tls-cert and --tls-key, or say --plaintext if something else encrypts"
        raise RequestError.of(
            "host", "must be this machine's own where there is no TLS", settings.host, remedy
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Certificates:
    """A certificate chain, its key, and the authority of clients' certificates: PEM files that may change.

    New ones are looked for at each handshake. Garbage is logged, and the last good ones stay.

    Args:
        cert: The chain.
        key: Its key.
        client_ca: Who must have signed clients' certificates; None: they need none.

    Raises:
        RequestError: They cannot be used.
    """

    def __init__(self, cert: Path, key: Path, client_ca: Path | None) -> None:
        self._paths = (cert, key, client_ca)
        try:
            self._followed = Followed("certificates", filter(None, self._paths), self._read)
        except (OSError, ValueError) as error:
            paths = ", ".join(str(path) for path in self._paths if path)
            rule = "must be PEM files of a certificate, its key, and an authority"
            raise RequestError.of("tls-cert", rule, f"{paths}: {error}") from error

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files."""
        fetch: Any = self.changed  # None says that nothing changed, which the stubs do not know
        return grpc.dynamic_ssl_server_credentials(
            self._followed.current, fetch, require_client_authentication=self._paths[2] is not None
        )

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return new certificates; None: those of before hold."""
        return self._followed.current if self._followed.changed() else None

    def _read(self) -> grpc.ServerCertificateConfiguration:
        """Read the files; OSError and ValueError (an SSLError is an OSError) where they do not fit."""
        cert, key, client_ca = self._paths
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key, password=_no_password)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
        return grpc.ssl_server_certificate_configuration(
            [(key.read_bytes(), cert.read_bytes())],
            root_certificates=client_ca.read_bytes() if client_ca else None,
        )


def _no_password() -> str:
    message = "the key must not be encrypted"
    raise ValueError(message)
