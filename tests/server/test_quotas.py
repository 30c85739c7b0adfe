"""Rows are taken from a quota whatever becomes of the call."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ed25519

from augment_client import Client, QuotaExceededError
from augment_proto.v1 import augment_pb2 as pb
from augment_server import Registry
from augment_server.admission import Admission
from augment_server.authentication import Gatekeeper
from augment_server.calls import begin_call
from augment_server.denials import UnauthenticatedError
from augment_server.metrics import Metrics
from augment_server.operations import Operations
from augment_server.principals import Principal, hash_of
from augment_server.quotas import Quotas
from augment_server.server_info import ServerInfo
from augment_server.service import AugmentService
from tests.server.running import settings, threaded_server

if TYPE_CHECKING:
    from pathlib import Path

    from augment_server.settings import Settings


def write(path: Path, **clients: dict[str, Any]) -> Path:
    """Write a clients' file, each with all scopes and a token of its name."""
    entries = {
        name: {"tokens": [hash_of(f"{name}-token")], "scopes": ["*:*"], **more}
        for name, more in clients.items()
    }
    path.write_text(yaml.safe_dump({"clients": entries}))
    return path


def test_clients_without_a_quota_have_the_default(flat_dir: Path, tmp_path: Path) -> None:
    """Of the file, or by a JSON Web Token of nobody in it; an own one holds instead, and null is none."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key()))
    (tmp_path / "keys").write_text(json.dumps({"keys": [{**public, "kid": "one", "alg": "EdDSA"}]}))
    clients = write(
        tmp_path / "clients", usual={}, poor={"rows_per_minute": 7}, free={"rows_per_minute": None}
    )
    tokens = {"jwt_keys": tmp_path / "keys", "jwt_issuer": "issuer", "jwt_audience": "augment"}
    options = settings(flat_dir, default_rows_per_minute=60, clients=clients, **tokens)

    def quota(token: str, options: Settings) -> int | None:
        return Gatekeeper(options).principal({"authorization": f"Bearer {token}"}, {}).rows_per_minute

    def signed(subject: str) -> str:
        claims = {"sub": subject, "iss": "issuer", "aud": "augment", "exp": time.time() + 60}
        return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "one"})

    by_token = [quota(f"{name}-token", options) for name in ("usual", "poor", "free")]
    assert by_token == [60, 7, None]
    assert [quota(signed(name), options) for name in ("stranger", "poor", "free")] == [60, 7, None]
    assert quota(signed("stranger"), settings(flat_dir, default_rows_per_minute=60, **tokens)) == 60
    none = settings(flat_dir, clients=clients, **tokens)
    assert [quota(token, none) for token in ("usual-token", "poor-token", signed("stranger"))] == [
        None,
        7,
        None,
    ]
    with pytest.raises(UnauthenticatedError):  # who has no name would have the quota of nobody
        quota(signed(""), options)


def test_the_default_quota_holds_for_each_client_by_itself(flat_dir: Path, tmp_path: Path) -> None:
    """One that has used it up is refused, and told when to come again; another is not."""
    clients = write(tmp_path / "clients", one={}, other={})
    with threaded_server(flat_dir, clients=clients, default_rows_per_minute=50) as server:
        with Client(server.target, token="one-token") as client:  # noqa: S106 - made up
            client.generate("flat", 60, seed=1)
            with pytest.raises(QuotaExceededError) as caught:
                client.generate("flat", 1, seed=1)
            assert 0 < (caught.value.retry_after_s or 0) <= 60
            assert "50 rows a minute" in str(caught.value)
        with Client(server.target, token="other-token") as client:  # noqa: S106 - made up
            assert client.generate("flat", 5, seed=1).num_rows == 5


def test_buckets_of_many_names_are_forgotten_when_they_are_full_again() -> None:
    """Names of tokens come without end; who owes rows is remembered, however many come after."""
    quotas = Quotas()
    owing = Principal("owing", (), 60)
    quotas.spend(owing, 1_000)
    for number in range(20_000):
        quotas.spend(Principal(f"client {number}", (), 10**9), 1)
    held: Any = quotas
    assert len(held._buckets._buckets) < 5_000
    assert quotas.spend(owing, 0) > 900


class Endless:
    """A call without a deadline."""

    def time_remaining(self) -> None:
        """Say that there is none."""


def test_rows_are_taken_from_a_quota_before_their_caller_has_them(flat_dir: Path) -> None:
    """So that they are also where a caller takes a part of them and is gone before the rest is sent."""
    options = settings(flat_dir)
    registry, principal = Registry.open(options), Principal("quitter", ("*:*",), 20)
    operations = Operations(registry, options)

    async def take_one() -> None:
        with ThreadPoolExecutor(2) as pool:
            service = AugmentService(
                operations, Admission(pool, options, Metrics()), ServerInfo(options, registry)
            )
            begin_call("Generate", principal=principal)
            stream: Any = service.Generate(pb.GenerateRequest(model="flat", rows=10**6, seed=1), Endless())
            async with aclosing(stream):
                assert (await anext(stream)).HasField("header")

    asyncio.run(take_one())
    assert operations.quotas.spend(principal, 0) > 0  # 32 of 20 rows
    registry.close()
