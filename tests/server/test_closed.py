from __future__ import annotations

import json
import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc
import jwt
import pytest
import trustme
import yaml
from cryptography.hazmat.primitives.asymmetric import ed25519
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from augment.errors import RequestError
from augment_client import (
    Client,
    InvalidRequestError,
    ModelNotFoundError,
    NotAllowedError,
    QuotaExceededError,
    UnauthenticatedError,
    UnavailableError,
    tls_credentials,
)
from augment_proto.reasons import SERVICE
from augment_proto.v1 import augment_pb2 as pb
from augment_server.principals import Principal, hash_of, may, read_clients
from tests.server.running import settings, threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.running import ServerThread

METHODS = pb.DESCRIPTOR.services_by_name["AugmentService"].methods_by_name
TOKENS = {name: f"{name}-token-{'x' * 32}" for name in ("all", "seer", "maker", "late", "poor")}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clients' file: who may do all, who may look, one of another model, one expired, one with a quota."""
    path = tmp_path_factory.mktemp("clients") / "clients.yaml"
    write_clients(path)
    return path


def write_clients(path: Path, **more: dict[str, Any]) -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    scopes: dict[str, dict[str, Any]] = {
        "all": {"scopes": ["*:*"], "certificate": "all.example"},
        "seer": {"scopes": ["flat:describe"]},
        "maker": {"scopes": ["other:*"]},
        "late": {"scopes": ["*:*"], "expires": past},
        "poor": {"scopes": ["fl*:*"], "rows_per_minute": 600},
    }
    entries = {name: {"tokens": [hash_of(TOKENS[name])], **entry} for name, entry in scopes.items()}
    path.write_text(yaml.safe_dump({"clients": {**entries, **more}}))


@pytest.fixture(scope="module")
def closed(flat_dir: Path, clients: Path) -> Iterator[ServerThread]:
    """A server that asks for tokens."""
    with threaded_server(flat_dir, clients=clients) as server:
        yield server


def code_of(server: ServerThread, method: str, metadata: Any) -> grpc.StatusCode:
    """Call a method with a plain request for `flat`; return how it ended."""
    kind = METHODS[method].input_type.name
    request = getattr(pb, kind)()
    if method == "DenoiseStream":
        request.header.model = "flat"
    elif "model" in request.DESCRIPTOR.fields_by_name:
        request.model = "flat"
    if method == "Generate":
        request.rows = 1
    with grpc.insecure_channel(server.target) as channel:
        streams = METHODS[method].input_type.name.endswith("StreamRequest")
        path = f"/{SERVICE}/{method}"
        body = request.SerializeToString()
        try:
            if streams:
                list(channel.stream_stream(path)(iter([body]), timeout=30, metadata=metadata))
            elif method == "Generate":
                list(channel.unary_stream(path)(body, timeout=30, metadata=metadata))
            else:
                channel.unary_unary(path)(body, timeout=30, metadata=metadata)
        except grpc.RpcError as error:
            return status(error)
    return grpc.StatusCode.OK


def status(error: Any) -> grpc.StatusCode:
    """Return how a failed call ended."""
    code: grpc.StatusCode = error.code()
    return code


STRANGERS = {
    "no credentials": (),
    "an empty token": (("authorization", "Bearer "),),
    "a wrong token": (("authorization", "Bearer wrong"),),
    "another scheme": (("authorization", f"Basic {TOKENS['all']}"),),
    "an expired token": (("authorization", f"Bearer {TOKENS['late']}"),),
    "the hash for the token": (("authorization", f"Bearer {hash_of(TOKENS['all'])}"),),
    "a JSON Web Token of nobody": (("authorization", f"Bearer {jwt.encode({'sub': 'all'}, 'x' * 32)}"),),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_strangers_get_nothing(closed: ServerThread, who: str) -> None:
    """Every method, reflection too, is closed to who is not known; health is not."""
    for method in METHODS:
        assert code_of(closed, method, STRANGERS[who]) is grpc.StatusCode.UNAUTHENTICATED, method
    with grpc.insecure_channel(closed.target) as channel:
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.ServerReflectionInfo(asked, timeout=30, metadata=STRANGERS[who]))
        assert status(caught.value) is grpc.StatusCode.UNAUTHENTICATED
        health: Any = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


def test_clients_do_what_their_scopes_say(closed: ServerThread) -> None:
    """With another client's token every method of the model is refused; with one's own the scopes count."""
    bearer = {name: (("authorization", f"Bearer {token}"),) for name, token in TOKENS.items()}
    for method in METHODS:
        others = code_of(closed, method, bearer["maker"])
        looking = code_of(closed, method, bearer["seer"])
        if method in {"ListModels", "GetServerInfo"}:
            assert {others, looking} == {grpc.StatusCode.OK}
            continue
        assert others is grpc.StatusCode.PERMISSION_DENIED, method
        wanted = grpc.StatusCode.OK if method == "GetModel" else grpc.StatusCode.PERMISSION_DENIED
        assert looking is wanted, method
        assert code_of(closed, method, bearer["all"]) is not grpc.StatusCode.PERMISSION_DENIED, method
    with Client(closed.target, token=TOKENS["maker"]) as client:
        assert client.models() == []
        with pytest.raises(NotAllowedError):
            client.model("flat")
        with pytest.raises(NotAllowedError):
            client.model("nothing of that name")
    with Client(closed.target, token=TOKENS["all"]) as client:
        assert client.generate("flat", 5, seed=1).num_rows == 5
        with grpc.insecure_channel(closed.target) as channel:
            asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
            stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
            assert list(stub.ServerReflectionInfo(asked, timeout=30, metadata=bearer["all"]))
    with Client(closed.target) as client, pytest.raises(UnauthenticatedError):
        client.models()


def test_who_asks_for_what_is_not_there_is_not_told_of_what_they_may_not_see(closed: ServerThread) -> None:
    """Among what there is instead, only models are named that the caller's scopes cover."""
    seen = {}
    for name in ("maker", "all"):
        with (
            Client(closed.target, token=TOKENS[name]) as client,
            pytest.raises(ModelNotFoundError) as caught,
        ):
            client.generate("other", 5)
        seen[name] = caught.value.available
        assert ("flat" in str(caught.value)) == (name == "all")
    assert seen == {"maker": (), "all": ("flat",)}


def test_quotas(closed: ServerThread) -> None:
    """A minute's rows may be had at once; who owes some waits: streams are paced, new calls are refused."""
    with Client(closed.target, token=TOKENS["poor"]) as client:
        started = time.monotonic()
        assert client.generate("flat", 610, seed=1).num_rows == 610  # ten rows more: a second
        assert time.monotonic() - started > 0.5
        time.sleep(caught_quota(client).retry_after_s or 60)
        table = client.generate("flat", 20, seed=2)
        refused = caught_quota(client)
        assert refused.refusal.quota_subject == "poor"
        assert 0 < (refused.retry_after_s or 0) < 10
        time.sleep(refused.retry_after_s or 60)
        assert client.denoise("flat", table).records.num_rows == 20
    with Client(closed.target, token=TOKENS["all"]) as client:
        assert client.generate("flat", 2_000, seed=1).num_rows == 2_000


def caught_quota(client: Client) -> QuotaExceededError:
    """Ask for rows until the quota is used up; return how that was said."""
    for _ in range(100):
        try:
            client.encode("flat", client.generate("flat", 7, seed=1))
        except QuotaExceededError as error:
            return error
    raise AssertionError("there is no quota")


def test_the_clients_file_is_read_anew(flat_dir: Path, tmp_path: Path) -> None:
    """New tokens hold without a restart, taken ones no longer; of garbage the last good file is kept."""
    path = tmp_path / "clients.yaml"
    write_clients(path)
    with threaded_server(flat_dir, clients=path) as server:
        fresh = {"tokens": [hash_of("fresh-token")], "scopes": ["*:*"]}
        path.write_text("clients: [")
        time.sleep(1.1)
        with Client(server.target, token=TOKENS["all"]) as client:
            assert client.models()
        path.write_text(yaml.safe_dump({"clients": {"fresh": fresh}}))
        time.sleep(1.1)
        with Client(server.target, token="fresh-token") as client:  # noqa: S106 - of this test
            assert client.models()
        with Client(server.target, token=TOKENS["all"]) as client, pytest.raises(UnauthenticatedError):
            client.models()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("clients: {a: {tokens: [plain-token]}}", "clients.a.tokens.0"),
        ("clients: {a: {scopes: ['adult']}}", "clients.a.scopes.0"),
        ("clients: {a: {scopes: ['adult:fly']}}", "clients.a.scopes.0"),
        ("clients: {a: {rows_per_minute: 0}}", "clients.a.rows_per_minute"),
        ("clients: {a: {expires: 2030-01-01T00:00:00}}", "clients.a.expires"),
        ("clients: {a: {password: x}}", "clients.a.password"),
        ("[]", "the whole"),
    ],
)
def test_a_bad_clients_file_says_where(tmp_path: Path, text: str, field: str) -> None:
    """Which entry breaks which rule."""
    path = tmp_path / "clients.yaml"
    path.write_text(text)
    with pytest.raises(RequestError, match=field):
        read_clients(path)


def test_scopes() -> None:
    """Patterns stand for models, operations are named or any."""
    one = Principal("one", ("ad*:generate", "tiny:*"))
    assert may(one, "generate", "adult")
    assert may(one, "score", "tiny")
    assert may(one, "", "adult")
    assert not may(one, "denoise", "adult")
    assert not may(one, "generate", "bank")
    assert not may(one, "", "bank")


def test_web_tokens(flat_dir: Path, tmp_path: Path) -> None:
    """Signed by a known key, for this audience, of this issuer, not expired: else nobody."""
    key, other = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key()))
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{**public, "kid": "one", "alg": "EdDSA", "use": "sig"}]}))
    good = {
        "sub": "job",
        "iss": "issuer",
        "aud": "augment",
        "exp": time.time() + 60,
        "scope": "flat:generate other:*",
    }
    options = {"jwt_keys": keys, "jwt_issuer": "issuer", "jwt_audience": "augment"}

    def token(signer: Any = key, kid: str = "one", algorithm: str = "EdDSA", **changes: Any) -> str:
        claims = {name: value for name, value in {**good, **changes}.items() if value is not None}
        return jwt.encode(claims, signer, algorithm=algorithm, headers={"kid": kid})

    with threaded_server(flat_dir, **options) as server:
        with Client(server.target, token=token()) as client:
            assert client.generate("flat", 3, seed=1).num_rows == 3
            with pytest.raises(NotAllowedError):
                client.model("flat")  # may generate only
        bad = [
            token(other),
            token(kid="two"),
            token("secret" * 8, algorithm="HS256"),
            token(exp=time.time() - 60),
            token(exp=None),
            token(aud="others"),
            token(iss="others"),
            token(sub=None),
            token() + "x",
        ]
        for one in bad:
            with Client(server.target, token=one) as client, pytest.raises(UnauthenticatedError):
                client.models()
    for missing in ("jwt_issuer", "jwt_audience"):
        with (
            pytest.raises(RequestError, match="jwt-issuer"),
            threaded_server(flat_dir, **{**options, missing: ""}),
        ):
            pass
    keys.write_text("{}")
    with pytest.raises(RequestError, match="jwt-keys"), threaded_server(flat_dir, **options):
        pass


class Authority:
    """A certificate authority, and files of what it signed."""

    def __init__(self, directory: Path) -> None:
        self._ca = trustme.CA()
        self._directory = directory
        self.ca = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca))

    def issue(self, name: str, identity: str = "127.0.0.1") -> dict[str, Path]:
        """Write a certificate and its key; return them by the settings' names."""
        issued = self._ca.issue_cert(identity, common_name=identity)
        cert, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return {"cert": cert, "key": key}


def served_certificate(server: ServerThread) -> str:
    """Return the certificate that a new connection sees."""
    return ssl.get_server_certificate(("127.0.0.1", server.server.port), timeout=30)


def test_tls_and_its_certificates_change(flat_dir: Path, tmp_path: Path) -> None:
    """Calls go over TLS; new certificates hold for new connections; garbage leaves the last good ones."""
    authority = Authority(tmp_path)
    files = authority.issue("server")
    with threaded_server(flat_dir, tls_cert=files["cert"], tls_key=files["key"]) as server:
        with Client(server.target, channel_credentials=tls_credentials(authority.ca)) as client:
            assert client.models()
        with Client(server.target) as client, pytest.raises(UnavailableError):
            client.models(timeout_s=20)
        first = served_certificate(server)
        authority.issue("server")
        second = served_certificate(server)
        assert second != first
        files["cert"].write_text("garbage")
        assert served_certificate(server) == second
        authority.issue("server")
        files["key"].write_bytes(authority.issue("another")["key"].read_bytes())  # not the certificate's
        assert served_certificate(server) == second
        authority.issue("server")
        assert served_certificate(server) not in {first, second}


def test_mutual_tls(flat_dir: Path, tmp_path: Path, clients: Path) -> None:
    """Without a certificate of the authority nobody connects; the file's clients are known by theirs."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path_of(tmp_path, "other"))
    files, own = authority.issue("server"), authority.issue("own", "all.example")
    unknown, foreign = authority.issue("unknown", "who.example"), stranger.issue("foreign", "all.example")
    options = {"tls_cert": files["cert"], "tls_key": files["key"], "tls_client_ca": authority.ca}
    with threaded_server(flat_dir, clients=clients, **options) as server:

        def client(mine: dict[str, Path] | None, **more: Any) -> Client:
            return Client(
                server.target, channel_credentials=tls_credentials(authority.ca, **(mine or {})), **more
            )

        with client(own) as known:
            assert known.models()
        with client(unknown) as other, pytest.raises(UnauthenticatedError):
            other.models()
        with client(unknown, token=TOKENS["all"]) as other:
            assert other.models()
        for mine in (None, foreign):
            with client(mine) as other, pytest.raises(UnavailableError):
                other.models(timeout_s=20)


def tmp_path_of(path: Path, name: str) -> Path:
    made = path / name
    made.mkdir()
    return made


def test_unsafe_settings_are_refused(flat_dir: Path, tmp_path: Path) -> None:
    """Plain text beyond this machine must be asked for by name; half of TLS is none."""
    files = Authority(tmp_path).issue("server")
    unsafe: dict[str, dict[str, Any]] = {
        "plaintext": {"host": "0.0.0.0"},  # noqa: S104 - what is refused
        "tls-key": {"tls_cert": files["cert"]},
        "tls-client-ca": {"tls_client_ca": files["cert"]},
        "PEM": {"tls_cert": files["key"], "tls_key": files["key"]},
    }
    for word, options in unsafe.items():
        with pytest.raises(RequestError, match=word), threaded_server(flat_dir, **options):
            pass
    with threaded_server(flat_dir, host="0.0.0.0", plaintext=True) as server:  # noqa: S104 - asked for
        assert server.server.port
    assert not settings(flat_dir).plaintext


def test_tokens_stay_secret() -> None:
    """The client sends a token in plain text only within this machine."""
    with pytest.raises(InvalidRequestError, match="TLS"):
        Client("far.example:50051", token="secret")  # noqa: S106 - of this test
    with pytest.raises(InvalidRequestError, match="not shown"):
        Client("localhost:50051", token="sec ret")  # noqa: S106 - likewise
    with pytest.raises(InvalidRequestError, match="PEM"):
        tls_credentials("/nowhere/ca.pem")
    Client("far.example:50051", token="s", channel_credentials=tls_credentials()).close()  # noqa: S106
