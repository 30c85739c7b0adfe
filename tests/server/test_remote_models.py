from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from augment.errors import RequestError
from augment.url_credentials import without_credentials
from augment_server import Registry, Settings
from augment_server.main import main
from tests.server.versions import states

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Bucket:
    """A bucket in a server that speaks S3, on this machine; `url` is a directory in it."""

    system: Any
    url: str

    def upload(self, bundle: Path, version: int, *, but: str = "") -> None:
        """Put a bundle's files, the manifest last; not the file `but`."""
        files = sorted(bundle.iterdir(), key=lambda file: file.name == "manifest.json")
        for file in files:
            if file.name != but:
                self.system.put_file(str(file), f"{self.url}/tiny/{version}/{file.name}")

    def settings(self, cache: Path) -> Settings:
        """Return settings for it."""
        return Settings(models=self.url, cache_dir=cache, threads=1, allow_empty=True)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    name = f"bundles-{secrets.token_hex(4)}"  # the server's buckets outlive it in this process
    system.mkdir(name)
    yield Bucket(system, f"s3://{name}/models")
    type(system).clear_instance_cache()
    server.stop()


def test_versions_come_and_go_in_a_bucket(s3: Bucket, tiny_bundle: Path, tmp_path: Path) -> None:
    """Seen when the manifest is there, copied, loaded, swapped; old copies go; an outage changes nothing."""
    s3.system.pipe_file(f"{s3.url}/notes.txt", b"models")
    registry = Registry.open(s3.settings(tmp_path))
    assert registry.models() == []
    s3.upload(tiny_bundle, 1, but="manifest.json")
    registry.refresh()
    assert registry.versions() == []
    s3.system.put_file(str(tiny_bundle / "manifest.json"), f"{s3.url}/tiny/1/manifest.json")
    registry.refresh()
    assert states(registry) == {1: "READY"}
    s3.upload(tiny_bundle, 2, but="golden.arrow")
    registry.refresh()
    assert states(registry) == {1: "READY", 2: "REFUSED"}
    assert registry.versions("tiny")[1].reason == "golden.arrow is missing"
    s3.system.put_file(str(tiny_bundle / "golden.arrow"), f"{s3.url}/tiny/2/golden.arrow")
    registry.refresh()
    assert states(registry) == {1: "UNLOADED", 2: "READY"}
    assert registry.set_alias("tiny", "stable", 2) == 2
    assert b'"stable": 2' in s3.system.cat_file(f"{s3.url}/aliases.json")
    s3.system.rm(f"{s3.url}/tiny/1", recursive=True)
    registry.refresh()
    assert states(registry) == {2: "READY"}
    assert len(list(tmp_path.glob("*/*/tiny/*"))) == 1
    registry.close()


def test_a_copy_that_was_changed_is_copied_anew_and_an_outage_is_no_removal(
    s3: Bucket, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second start takes the copies of the first if they are whole; without the bucket it serves on."""
    s3.upload(tiny_bundle, 1)
    Registry.open(s3.settings(tmp_path)).close()
    (copy,) = tmp_path.glob("*/*/tiny/1")
    golden = copy / "golden.arrow"
    golden.chmod(0o644)
    golden.write_bytes(b"changed")
    registry = Registry.open(s3.settings(tmp_path))
    assert states(registry) == {1: "READY"}
    assert golden.read_bytes() == (tiny_bundle / "golden.arrow").read_bytes()

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError("expired credentials")

    monkeypatch.setattr(type(s3.system), "find", refuse)
    registry.refresh()
    assert registry.get("tiny").version == 1
    registry.close()


def test_what_no_package_reads_is_refused(tmp_path: Path) -> None:
    """An unknown scheme says what is missing."""
    with pytest.raises(RequestError) as caught:
        Registry.open(Settings(models="carrier-pigeon://loft/models", cache_dir=tmp_path))
    assert caught.value.violations[0].field == "models"


SECRETS = {
    "s3://NAME-OF-IT:SECRET@bucket/models": "must be a URL without credentials",
    "s3://NAME-OF-IT:SE/CRET@bucket/models": "must be a URL without credentials",
    f"s3://NAME-OF-IT:SECRET{'x' * 90}@bucket/models": "must be a URL without credentials",
    "unheard-of://NAME-OF-IT:SE/CRET@bucket/models": "must be a path or a URL",
}


@pytest.mark.parametrize("url", SECRETS)
def test_a_secret_in_a_url_is_not_shown(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in the error nor in the log."""
    assert main(["--models", url, "--port", "0"]) == 2
    told = capsys.readouterr()
    assert SECRETS[url] in told.err
    assert not re.search("NAME-OF-IT|SE/?CRET[@x]|CRET@", told.out + told.err)


def test_the_log_shows_no_secrets_of_urls() -> None:
    """Whatever line they are in: it stays one line of JSON."""
    line = json.dumps({"reason": "sftp://me:se/cret@example.org/models: no route", "to": "a@b"})
    shown = json.loads(without_credentials(line))
    assert shown == {"reason": "sftp://...@example.org/models: no route", "to": "a@b"}
    assert without_credentials("http://127.0.0.1:4317 of a@b") == "http://127.0.0.1:4317 of a@b"
