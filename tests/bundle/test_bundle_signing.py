from __future__ import annotations

import shutil
import stat
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from augment.bundle import open_bundle
from augment.bundle.signing import TrustedKeys, new_key, sign_bundle
from augment.errors import BundleUnsafeError, PublishError, RequestError
from augment.runtime import Model
from tests.cli.running import augment
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def models(flat_dir: Path, tmp_path: Path) -> Path:
    """A models directory of one's own."""
    shutil.copytree(flat_dir, tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private and a public key."""
    private, public = tmp_path / "own.pem", tmp_path / "own.pub.pem"
    new_key(private, public)
    return private, public


def test_signed_bundles_are_trusted(models: Path, keys: tuple[Path, Path]) -> None:
    """A signature leaves the bundle what it was, and counts for whoever trusts its key."""
    bundle = models / "flat" / "1"
    digest = open_bundle(bundle).digest
    private, public = keys
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    with pytest.raises(BundleUnsafeError, match="not signed"):
        Model.open(bundle, trusted=TrustedKeys.read(public))
    sign_bundle(bundle, private)
    sign_bundle(bundle, private)
    assert Model.open(bundle, trusted=TrustedKeys.read(public.parent / "own.pub.pem")).digest == digest
    assert Model.open(bundle).digest == digest


def test_forged_signatures_are_refused(models: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    """Of another key, of another version, of other contents, or of no sense at all."""
    bundle = models / "flat" / "1"
    private, public = keys
    trusted = TrustedKeys.read(public)
    (tmp_path / "other").mkdir()
    new_key(tmp_path / "other" / "key.pem", tmp_path / "other" / "key.pub.pem")
    sign_bundle(bundle, tmp_path / "other" / "key.pem")
    with pytest.raises(BundleUnsafeError, match="not trusted"):
        trusted.require(open_bundle(bundle))
    stolen = (bundle / "signature.json").read_text()
    sign_bundle(bundle, private)
    good = (bundle / "signature.json").read_text()
    shutil.copytree(bundle, models / "flat" / "2")
    with pytest.raises(BundleUnsafeError, match="other contents"):
        trusted.require(open_bundle(models / "flat" / "2"))
    mixed = stolen.replace(stolen.split('"key": "')[1][:64], good.split('"key": "')[1][:64])
    for text, match in ((mixed, "other contents"), ("[]", "no signature"), ("{", "no signature")):
        (bundle / "signature.json").write_text(text)
        with pytest.raises(BundleUnsafeError, match=match):
            trusted.require(open_bundle(bundle))


def test_servers_may_ask_for_signatures(models: Path, keys: tuple[Path, Path]) -> None:
    """An unsigned bundle is no model of such a server; a signed one is."""
    private, public = keys
    with pytest.raises(RequestError, match="usable bundle"), threaded_server(models, trusted_keys=public):
        pass
    sign_bundle(models / "flat" / "1", private)
    with threaded_server(models, trusted_keys=public) as server:
        assert server.server.port


def test_bad_keys(models: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    """A key of another kind, none, or one that would be written over."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    pem = other.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (tmp_path / "rsa.pem").write_bytes(pem)
    for path in (tmp_path / "rsa.pem", tmp_path / "none.pem", keys[1]):
        with pytest.raises(RequestError, match="Ed25519"):
            sign_bundle(models / "flat" / "1", path)
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "rsa.pem", tmp_path / "empty"):
        with pytest.raises(RequestError, match="Ed25519"):
            TrustedKeys.read(path)
    with pytest.raises(PublishError):
        new_key(*keys)


def test_the_command(models: Path, tmp_path: Path) -> None:
    """`augment sign` makes the keys and signs."""
    key = tmp_path / "publisher.pem"
    done = augment("sign", "flat", "--models", models, "--key", key)
    assert (done.code, "signed" in done.out) == (0, True)
    TrustedKeys.read(tmp_path / "publisher.pub.pem").require(open_bundle(models / "flat" / "1"))
