"""Files that operators write, and change while the server runs: read whole, and at last, or not at all."""

from __future__ import annotations

import os
import resource
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trustme
import yaml
from structlog.testing import capture_logs

from augment.errors import RequestError
from augment_server.admin_tokens import read_tokens
from augment_server.authentication import Gatekeeper
from augment_server.denials import UnauthenticatedError
from augment_server.listening import Certificates
from augment_server.main import main
from augment_server.principals import hash_of, read_clients
from tests.server.running import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from augment_server.principals import Principal


@contextmanager
def without_handles() -> Iterator[None]:
    """Let this process open no more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    used = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208 - no paths wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 8, hard))
    try:
        try:
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            yield
    finally:
        for handle in held:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def write_clients(path: Path, *tokens: str) -> None:
    """Write a clients' file of one client, by one rename."""
    entry = {"tokens": [hash_of(token) for token in tokens], "scopes": ["*:*"]}
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump({"clients": {"job": entry}}))
    fresh.replace(path)


def known(keeper: Gatekeeper, token: str) -> Principal | None:
    """Return whose token it is, after a new look at the file; None: nobody's."""
    time.sleep(1.1)
    try:
        return keeper.principal({"authorization": f"Bearer {token}"}, {})
    except UnauthenticatedError:
        return None


def test_a_token_that_is_revoked_while_no_file_opens_is_refused_afterwards(tmp_path: Path) -> None:
    """The file is tried again at each look until it was read; the log tells of the trouble once."""
    path = tmp_path / "clients.yaml"
    write_clients(path, "old")
    keeper = Gatekeeper(settings(tmp_path, clients=path))
    assert known(keeper, "old")
    with capture_logs() as told:
        write_clients(path, "new")
        with without_handles():
            assert known(keeper, "old")
            assert known(keeper, "old")
        assert known(keeper, "old") is None
        assert known(keeper, "new")
    events = [line["event"] for line in told]
    assert events == ["clients cannot be read now, the last good ones stay", "clients read"]
    assert "Too many open files" in told[0]["reason"]


def test_a_certificate_that_comes_while_no_file_opens_is_taken_afterwards(tmp_path: Path) -> None:
    """It is tried again at each handshake until it was read; garbage is refused once."""
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def issue() -> None:
        issued = trustme.CA().issue_cert("127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(str(cert))
        issued.private_key_pem.write_to_path(str(key))

    issue()
    certificates = Certificates(cert, key, None)
    issue()
    with capture_logs() as told:
        with without_handles():
            assert [certificates.changed(), certificates.changed()] == [None, None]
        assert certificates.changed() is not None
        assert certificates.changed() is None
        cert.write_text("garbage")
        assert [certificates.changed(), certificates.changed()] == [None, None]
    assert [line["event"] for line in told] == [
        "certificates cannot be read now, the last good ones stay",
        "certificates read",
        "certificates refused, the last good ones stay",
    ]


@pytest.mark.parametrize("garbage", ["clients: [", "a: 2027-13-45", "!!bool x", "[" * 50_000, "\0"])
def test_garbage_is_refused_once(tmp_path: Path, garbage: str) -> None:
    """Whatever it is that YAML's reader stumbles over, nobody's call ends in it."""
    path = tmp_path / "clients.yaml"
    write_clients(path, "good")
    keeper = Gatekeeper(settings(tmp_path, clients=path))
    path.write_text(garbage)
    with capture_logs() as told:
        assert known(keeper, "good")
        assert known(keeper, "good")
    assert [line["event"] for line in told] == ["clients refused, the last good ones stay"]


def test_a_clients_file_that_is_too_long_is_refused_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cut would lose clients, or what takes a right away: an `expires` that comes last."""
    path = tmp_path / "clients.yaml"
    write_clients(path, "good")
    keeper = Gatekeeper(settings(tmp_path, clients=path))
    first = f"clients:\n  late:\n    tokens: ['{hash_of('late')}']\n    scopes: ['*:*']\n"
    path.write_text(f"{first}#{'x' * 2**21}\n    expires: 2020-01-01T00:00:00Z\n")
    with capture_logs() as told:
        assert known(keeper, "late") is None
        assert known(keeper, "good")
    (line,) = told
    assert line["event"] == "clients refused, the last good ones stay"
    assert f"at most 2_097_152 bytes, got '{path.stat().st_size:_} bytes'" in line["reason"]
    with pytest.raises(RequestError, match="at most"):
        Gatekeeper(settings(tmp_path, clients=path))
    assert main(["--models", str(tmp_path), "--clients", str(path), "--allow-empty", "--port", "0"]) == 2
    assert "clients must be a file of at most" in capsys.readouterr().err


def test_ten_thousand_clients_fit(tmp_path: Path) -> None:
    """Each is known, the last one too."""
    path = tmp_path / "clients.yaml"
    entry = (
        "  client{0}:\n    tokens: ['{1}']\n    scopes: ['*:describe', 'adult:*']\n    rows_per_minute: 9\n"
    )
    names = range(10_000)
    path.write_text("clients:\n" + "".join(entry.format(name, hash_of(f"token{name}")) for name in names))
    clients = read_clients(path)
    assert all(clients.of_token(f"token{name}") for name in names)


def test_a_file_of_admin_tokens_is_read_whole(tmp_path: Path) -> None:
    """Comments may be indented; of one that is too long nothing counts, not half a token either."""
    path = tmp_path / "tokens"
    path.write_text(
        "  # this is a comment, and no token\n\n  an-operators-token-0123456789  \n\t#another comment\n"
    )
    assert read_tokens(path) == ["an-operators-token-0123456789"]
    path.write_text("an-operators-token-0123456789\n" * 3_000)
    with pytest.raises(RequestError, match="at most 65_536 bytes, got '90_000 bytes'"):
        read_tokens(path)
