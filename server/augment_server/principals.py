"""Who may do what: clients with tokens, certificates, scopes and quotas, from a file.

The file holds hashes of tokens, never tokens::

    clients:
      pipeline:
        tokens: ["sha256:6b3a…"]
        expires: 2027-01-01T00:00:00Z
        certificate: pipeline.example
        scopes: ["adult:generate", "*:describe"]
        rows_per_minute: 1000000

A client that the file gives no `rows_per_minute` has the default quota, if there is one; `null` is none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from augment.errors import RequestError
from augment_server.clients_yaml import parse
from augment_server.operator_files import read_whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ANYONE", "Clients", "Principal", "clients_of", "hash_of", "may", "read_clients"]

OPERATIONS = (
    "describe",
    "generate",
    "interpolate",
    "denoise",
    "encode",
    "decode",
    "reconstruct",
    "score",
    "predict",
)
_MAX_FILE_BYTES = 2 * 2**20  # 10,000 clients; all calls wait for about a second while so many are read
_PUBLIC = frozenset({"scopes", "rows_per_minute", "expires", "certificate"})
"""What of a client errors may show: anywhere else may stand a token, of which there should be a hash."""


@dataclass(frozen=True)
class Principal:
    """Who calls.

    Attributes:
        name: Its name in the file, or a JWT's `sub`.
        scopes: Each `model:operation`; `*` stands for any in either, also within a model's name.
        rows_per_minute: Its quota; None: none.
    """

    name: str
    scopes: tuple[str, ...]
    rows_per_minute: int | None = None


ANYONE = Principal("", ("*:*",))
"""Who calls where no credentials are asked for."""


def may(principal: Principal, operation: str, model: str) -> bool:
    """Return whether a scope covers the operation on the model; any operation where it is empty.

    >>> may(Principal("a", ("ad*:generate",)), "generate", "adult")
    True
    """
    for scope in principal.scopes:
        pattern, _, allowed = scope.rpartition(":")
        if fnmatchcase(model, pattern) and allowed in {"*", operation or allowed}:
            return True
    return False


_Scope = Annotated[str, StringConstraints(pattern=rf"^[A-Za-z0-9._*?-]{{1,64}}:(\*|{'|'.join(OPERATIONS)})$")]
_Hash = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Client(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: tuple[_Hash, ...] = ()
    certificate: Annotated[str, StringConstraints(min_length=1)] | None = None
    expires: AwareDatetime | None = None
    scopes: tuple[_Scope, ...] = ()
    rows_per_minute: Annotated[int, Field(ge=1)] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    clients: dict[str, _Client]


class Clients:
    """The clients of a file.

    Args:
        clients: By name.
        default_rows_per_minute: The quota of each that has none of its own; None: none.
    """

    def __init__(self, clients: dict[str, _Client], default_rows_per_minute: int | None = None) -> None:
        self._clients = clients
        self._default_rows_per_minute = default_rows_per_minute
        self._by_hash = {hash_: name for name, client in clients.items() for hash_ in client.tokens}
        self._by_certificate = {
            client.certificate: name for name, client in clients.items() if client.certificate
        }

    def of_token(self, token: str) -> Principal | None:
        """Return the client whose token this is; None: nobody's, or it has expired."""
        return self._principal(self._by_hash.get(hash_of(token)))

    def of_certificate(self, common_name: str) -> Principal | None:
        """Return the client whose certificate has this common name; None likewise."""
        return self._principal(self._by_certificate.get(common_name))

    def quota_of(self, name: str) -> int | None:
        """Return the rows a minute of a client, of the file or not; None: it has no quota."""
        client = self._clients.get(name)
        if client is None or "rows_per_minute" not in client.model_fields_set:
            return self._default_rows_per_minute
        return client.rows_per_minute  # None where the file says null: none, whatever the others have

    def _principal(self, name: str | None) -> Principal | None:
        if name is None:
            return None
        client = self._clients[name]
        if client.expires is not None and client.expires <= datetime.now(UTC):
            return None
        return Principal(name, client.scopes, self.quota_of(name))


def hash_of(token: str) -> str:
    """Return what the file holds of a token: tokens are random, so that a plain hash gives nothing away."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def read_clients(path: Path, default_rows_per_minute: int | None = None) -> Clients:
    """Read the file.

    Args:
        path: The file.
        default_rows_per_minute: The quota of each client that has none of its own; None: none.

    Raises:
        RequestError: It cannot be read, is longer than 2 MiB, or not what such a file is.
    """
    try:
        parsed = parse(read_whole(path, "clients", _MAX_FILE_BYTES))
    except RequestError:
        raise
    except OSError as error:
        remedy = f"It cannot be read: {error.strerror}"
        raise RequestError.of("clients", "must be a readable YAML file", str(path), remedy) from error
    except ValueError as error:
        raise RequestError.of("clients", "must be a readable YAML file", str(path)) from error
    return clients_of(parsed, f"See {path}", default_rows_per_minute)


def clients_of(parsed: object, remedy: str = "", default_rows_per_minute: int | None = None) -> Clients:
    """Return the clients of what a file holds.

    Raises:
        RequestError: It is not what such a file holds.
    """
    try:
        return Clients(_File.model_validate(parsed).clients, default_rows_per_minute)
    except ValidationError as error:
        broken = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in broken["loc"]) or "the whole"
        shown = broken["input"] if _PUBLIC.intersection(broken["loc"][2:3]) else "what is not shown"
        raise RequestError.of(f"clients: {place}", broken["msg"], shown, remedy) from error
