from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from container.image import CONTAINERFILE, ROOT
from container.pip_secrets import pip_secrets

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_without_an_engine_it_says_so_and_does_nothing(tmp_path: Path) -> None:
    """Where neither docker nor buildah is there, nothing is built, and that is no failure."""
    done = subprocess.run(
        [sys.executable, "-m", "container", "image", "--name", "none"],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(ROOT / "server")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout == "No image is built: neither a docker engine nor buildah is here.\n"


def test_the_last_stage_only_copies() -> None:
    """It runs nothing, so that it needs no shell, and its size is that of what it copies."""
    last = CONTAINERFILE.read_text("utf-8").split("\nFROM ")[-1]
    words = [line.split()[0] for line in last.splitlines() if line and line[0].isupper()]
    assert "RUN" not in words
    assert words.count("COPY") == 2


def test_an_index_of_ones_own_reaches_the_build_as_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's index and certificates are passed on; what lies on this machine's disk is not."""
    authorities = tmp_path / "authorities.pem"
    authorities.write_text("certificates", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:word@index.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///packages https://more.example/simple")
    monkeypatch.setenv("PIP_CERT", str(authorities))
    flags = pip_secrets(tmp_path)
    assert flags == [
        *("--secret", f"id=ca.crt,src={authorities.resolve()}"),
        *("--secret", f"id=pip.conf,src={tmp_path / 'pip.conf'}"),
    ]
    lines = (tmp_path / "pip.conf").read_text("utf-8").splitlines()
    assert lines[0] == "[global]"
    assert "index-url = https://user:word@index.example/simple" in lines
    assert "extra-index-url = https://more.example/simple" in lines
    assert "cert = /run/secrets/ca.crt" in lines


def test_without_settings_there_are_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose pip was told nothing passes nothing on."""
    for name in ("PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert pip_secrets(tmp_path) == []
