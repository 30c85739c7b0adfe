"""The tool that makes tokens."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from augment.errors import RequestError
from augment_server import tokens
from augment_server.principals import Principal, read_clients
from tests.server.running import environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("flags", [("--scope", "adult:nothing"), ("--rows-per-minute", "0")])
def test_no_token_is_made_for_an_entry_that_the_server_would_refuse(
    flags: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor for one that says less than was asked for."""
    with pytest.raises(SystemExit) as caught:
        tokens.main(["job", *flags])
    told = capsys.readouterr()
    assert (caught.value.code, told.out) == (2, "")
    assert "clients.job" in told.err


@pytest.mark.parametrize(
    "client", ["SECRET", {"tokens": ["SECRET"]}, {"token": "SECRET"}, {"tokens": "SECRET"}, ["SECRET"]]
)
def test_a_token_in_the_place_of_its_hash_is_not_shown(tmp_path: Path, client: object) -> None:
    """Wherever it was written: errors go to logs."""
    path = tmp_path / "clients.yaml"
    path.write_text(yaml.safe_dump({"clients": {"scopes": client}}))
    with pytest.raises(RequestError, match=r"clients\.scopes") as caught:
        read_clients(path)
    assert "SECRET" not in str(caught.value)


def test_new_tokens(tmp_path: Path) -> None:
    """The tool prints a token, and an entry of the clients' file that knows it."""
    command = [sys.executable, "-m", "augment_server.tokens", "job", "--scope", "adult:generate"]
    done = subprocess.run(  # noqa: S603 - our own module
        [*command, "--rows-per-minute", "5"], env=environment(), capture_output=True, text=True, check=True
    )
    path = tmp_path / "clients.yaml"
    path.write_text(done.stderr)
    known = read_clients(path).of_token(done.stdout.strip())
    assert known == Principal("job", ("adult:generate",), 5)
    assert read_clients(path).of_token("another") is None
