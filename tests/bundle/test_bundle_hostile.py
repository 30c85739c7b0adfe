"""Bundles made to harm are refused, and whoever opens them lives on."""

from __future__ import annotations

import base64
import shutil
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from augment.bundle.signing import TrustedKeys, sign_bundle
from augment.errors import BundleError, RequestError
from augment_server.hosting.opening import Opening
from tests.bundle.hostile import HOSTILE
from tests.bundle.hostile_signatures import FORGED, private_of, public_of, signed, write_keys

if TYPE_CHECKING:
    from pathlib import Path


def test_there_are_many() -> None:
    """At least 50 were made by hand."""
    assert len(HOSTILE) >= 50


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bundles_are_refused(bundle: Path, name: str) -> None:
    """Each is refused as a bundle that cannot be used, whatever of it is checked first."""
    HOSTILE[name](bundle)
    with pytest.raises(BundleError):
        Opening(threads=1).open(bundle)
    shutil.rmtree(bundle.parent, ignore_errors=True)


@pytest.mark.parametrize("name", FORGED)
def test_forged_signatures_are_refused(bundle: Path, tmp_path: Path, name: str) -> None:
    """Who trusts a key takes what it signed, and after each damage to the signature no longer."""
    opening = Opening(threads=1, trusted=signed(bundle, tmp_path))
    assert opening.open(bundle).name == "small"
    FORGED[name](bundle)
    with pytest.raises(BundleError, match="sign"):
        opening.open(bundle)
    shutil.rmtree(bundle.parent, ignore_errors=True)


@pytest.mark.parametrize("half", ["private", "public"])
def test_keys_that_are_none_are_refused(bundle: Path, tmp_path: Path, half: str) -> None:
    """Of another kind, of a kind nobody knows, damaged, empty, or the other half: an error that says so."""
    private, public = write_keys(tmp_path)
    path = private if half == "private" else public
    good = path.read_bytes()
    head, body, tail = good.splitlines()
    unknown, short = (  # in the place of Ed25519's number that of none, and that of X448, of longer keys
        base64.b64encode(base64.b64decode(body).replace(b"+ep", number)) for number in (b"+ez", b"+eo")
    )
    elliptic = (private_of, public_of)[half == "public"](ec.generate_private_key(ec.SECP256R1()))
    texts = [b"", b"\0" * 100, head + tail, good[:60], elliptic]
    texts += [b"\n".join((head, other, tail)) for other in (unknown, short)]
    texts += [private.read_bytes()] if half == "public" else [public.read_bytes()]
    for text in texts:
        path.write_bytes(text)
        with pytest.raises(RequestError, match="Ed25519"):
            sign_bundle(bundle, path) if half == "private" else TrustedKeys.read(path)
