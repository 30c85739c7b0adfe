from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from augment_server.probe import main
from tests.server.running import environment, threaded_server
from tests.server.test_closed import Authority, tmp_path_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.running import ServerThread


@pytest.mark.parametrize(
    ("service", "code", "told"),
    [
        ("", 0, "SERVING"),
        ("tiny", 0, "SERVING"),
        ("augment.v1.AugmentService", 0, "SERVING"),
        ("no", 1, "NOT_FOUND"),
    ],
)
def test_the_exit_code_says_whether_it_serves(
    server: ServerThread, service: str, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 for the whole server, a model and the service; 1 for an unknown name; one line tells the answer."""
    assert main(["--target", server.target, "--service", service]) == code
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{server.target} {told}")


def test_the_port_comes_from_the_environment(server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without flags it asks the port that the server was told."""
    monkeypatch.setenv("AUGMENT_PORT", str(server.server.port))
    assert main([]) == 0


def test_a_server_that_stops_is_not_well(server: ServerThread, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody at the port, and somebody who says nothing: 1, by the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        assert main(["--target", f"127.0.0.1:{port}", "--timeout-s", "0.5"]) == 1
        assert time.monotonic() - started < 5
    assert main(["--target", f"127.0.0.1:{port}", "--timeout-s", "5"]) == 1
    assert "DEADLINE_EXCEEDED" in capsys.readouterr().out
    assert main(["--target", server.target]) == 0


def test_it_speaks_tls_where_the_server_does(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It trusts the server's own certificate, of whatever name, and no other; its own is given by flags."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path_of(tmp_path, "other"))
    for name in ("server.example", "*.server.example"):
        files, foreign = authority.issue("server", name), stranger.issue("foreign", name)
        options = {"tls_cert": files["cert"], "tls_key": files["key"]}
        with threaded_server(models_dir, **options) as server:
            target = ["--target", server.target, "--timeout-s", "20"]
            assert main([*target, "--timeout-s", "2"]) == 1  # in plain text
            monkeypatch.setenv("AUGMENT_TLS_CERT", str(files["cert"]))
            assert main(target) == 0
            assert main([*target, "--ca", str(foreign["cert"])]) == 1
            assert "CERTIFICATE_VERIFY_FAILED" in capsys.readouterr().out
            monkeypatch.delenv("AUGMENT_TLS_CERT")
    with threaded_server(models_dir, **options, tls_client_ca=authority.ca) as server:
        target = ["--target", server.target, "--ca", str(files["cert"])]
        assert main(target) == 1
        own = authority.issue("own", "probe.example")
        assert main([*target, "--cert", str(own["cert"]), "--key", str(own["key"]), "--timeout-s", "20"]) == 0


def test_it_loads_neither_runtime_nor_models() -> None:
    """A check every few seconds must be cheap: gRPC alone is imported."""
    heavy = {"onnxruntime", "numpy", "pyarrow", "pydantic"}
    program = f"import augment_server.probe, sys; print({heavy} & set(sys.modules))"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
