"""Finds out who calls: by bearer token (the clients' file's, or a JWT) or the certificate of mutual TLS."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from augment.errors import RequestError
from augment_server.denials import UnauthenticatedError
from augment_server.followed import Followed
from augment_server.operator_files import read_whole
from augment_server.principals import ANYONE, Clients, Principal, read_clients

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from augment_server.settings import Settings

__all__ = ["Gatekeeper"]

_LOOK_S = 1.0
_MAX_KEYS_BYTES = 2**20
_ALGORITHMS = ["EdDSA", "ES256", "ES384", "PS256", "RS256"]
_CHALLENGE = "send a valid token: metadata authorization, 'Bearer ...'"


class Gatekeeper:
    """Knows the callers. Its methods may be called from any thread.

    Args:
        settings: Where clients and keys are; without either, anyone may do anything.

    Raises:
        RequestError: A file cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        quota = settings.default_rows_per_minute
        self._file = _ClientsFile(settings.clients, quota) if settings.clients else None
        self._unlisted = Clients({}, quota)
        self._tokens = _WebTokens.of(settings)

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for credentials."""
        return self._file is None and self._tokens is None

    def principal(self, metadata: Mapping[str, Any], auth_context: Mapping[str, Any]) -> Principal:
        """Return who calls.

        Args:
            metadata: The call's.
            auth_context: What TLS knows of the peer, as gRPC gives it.

        Raises:
            UnauthenticatedError: Nobody knows.
        """
        if self.is_open:
            return ANYONE
        clients = self._file.current() if self._file else self._unlisted
        given = metadata.get("authorization")
        if given is None:
            found = _by_certificate(clients, auth_context)
        else:
            scheme, _, token = str(given).partition(" ")
            found = self._by_token(clients, token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise UnauthenticatedError(_CHALLENGE)
        return found

    def _by_token(self, clients: Clients, token: str) -> Principal | None:
        found = clients.of_token(token)
        if found is None and self._tokens is not None:
            found = self._tokens.principal(token, clients)
        return found


def _by_certificate(clients: Clients, auth_context: Mapping[str, Any]) -> Principal | None:
    for name in auth_context.get("x509_common_name", ()):
        text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        if (found := clients.of_certificate(text)) is not None:
            return found
    return None


class _ClientsFile:
    """The clients of a file that may change; garbage is logged, and the last good ones stay."""

    def __init__(self, path: Path, quota: int | None) -> None:
        self._lock = threading.Lock()
        self._followed = Followed("clients", [path], lambda: read_clients(path, quota))
        self._looked_s = time.monotonic()

    def current(self) -> Clients:
        """Return the clients, at most a second old."""
        with self._lock:
            if time.monotonic() - self._looked_s >= _LOOK_S:
                self._followed.changed()
                self._looked_s = time.monotonic()
            return self._followed.current


@dataclass(frozen=True)
class _WebTokens:
    """JSON Web Tokens (RFC 7519) signed by known keys: `sub` names the client, `scope` holds its scopes."""

    keys: Mapping[str, Any]
    issuer: str
    audience: str

    @classmethod
    def of(cls, settings: Settings) -> _WebTokens | None:
        """Return what checks them; None: they are not taken.

        Raises:
            RequestError: PyJWT is not installed, or the keys are none.
        """
        if settings.jwt_keys is None:
            return None
        if not settings.jwt_issuer or not settings.jwt_audience:
            rule = "must be given with --jwt-keys"
            raise RequestError.of("jwt-issuer, jwt-audience", rule, "nothing")
        try:
            import jwt  # noqa: PLC0415 - an extra
        except ImportError as error:
            remedy = "pip install 'augment-service[jwt]'"
            raise RequestError.of("jwt-keys", "needs PyJWT", "no such package", remedy) from error
        try:
            text = read_whole(settings.jwt_keys, "jwt-keys", _MAX_KEYS_BYTES).decode()
            found = jwt.PyJWKSet.from_dict(json.loads(text))
        except RequestError:
            raise
        except (OSError, ValueError, jwt.PyJWTError) as error:
            raise RequestError.of("jwt-keys", "must be a JSON Web Key Set", str(settings.jwt_keys)) from error
        keys = {key.key_id or "": key.key for key in found.keys}
        return cls(keys, settings.jwt_issuer, settings.jwt_audience)

    def principal(self, token: str, clients: Clients) -> Principal | None:
        """Return whose token it is; None: it is not valid."""
        import jwt  # noqa: PLC0415 - as above

        try:
            key = self.keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self.audience,
                issuer=self.issuer,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            return None
        name, scopes = str(claims["sub"]), tuple(str(claims.get("scope", "")).split())
        if not name:  # the name of those whom nobody knows
            return None
        return Principal(name, scopes, clients.quota_of(name))
