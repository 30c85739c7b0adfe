"""Signatures that are forged, or are none, on bundles that are fine but for that; and the key that counts."""

from __future__ import annotations

import base64
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from augment.bundle import open_bundle
from augment.bundle.limits import SIGNATURE_FILE
from augment.bundle.signing import TrustedKeys, sign_bundle
from tests.bundle.hostile import DEVICES, edit_manifest, replace_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Damage = Callable[[Path], object]

__all__ = ["FORGED", "OTHER_KEY", "OWN_KEY", "private_of", "public_of", "signed", "write_keys"]

OWN_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
_ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group: adding it to the second half of a signature gives another that sloppy checks take."""


def write_keys(directory: Path) -> tuple[Path, Path]:
    """Write the key that counts as two PEM files, the private and the public half; return their paths."""
    private, public = directory / "own.pem", directory / "own.pub.pem"
    private.write_bytes(private_of(OWN_KEY))
    public.write_bytes(public_of(OWN_KEY))
    return private, public


def private_of(key: Any) -> bytes:
    """Return a private key as PEM."""
    form = serialization.PrivateFormat.PKCS8
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return pem


def public_of(key: Any) -> bytes:
    """Return the public half of a private key as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return pem


def signed(bundle: Path, keys: Path) -> TrustedKeys:
    """Sign a bundle with the key that counts, written to a directory; return whom to trust."""
    private, public = write_keys(keys)
    sign_bundle(bundle, private)
    return TrustedKeys.read(public)


def _text(data: bytes) -> Damage:
    return lambda bundle: (bundle / SIGNATURE_FILE).write_bytes(data)


def _edited(edit: Callable[[dict[str, Any]], object]) -> Damage:
    """Return what changes the good signature's file."""

    def damage(bundle: Path) -> None:
        told = json.loads((bundle / SIGNATURE_FILE).read_bytes())
        edit(told)
        (bundle / SIGNATURE_FILE).write_text(json.dumps(told))

    return damage


def _field(name: str, value: object) -> Damage:
    return _edited(lambda told: told.update({name: value}))


def _without(name: str) -> Damage:
    return _edited(lambda told: told.pop(name))


def _by(key: Ed25519PrivateKey, message: str = "augment-bundle\n{name}\n{version}\n{digest}\n") -> Damage:
    """Return what puts a signature of another key or message in, by the name of the key that counts."""

    def damage(bundle: Path) -> None:
        found = open_bundle(bundle)
        text = message.format(name=found.name, version=found.version, digest=found.digest)
        _field("signature", base64.b64encode(key.sign(text.encode())).decode())(bundle)

    return damage


def _raw(change: Callable[[bytes], bytes]) -> Damage:
    """Return what changes the bytes of the good signature."""

    def edit(told: dict[str, Any]) -> None:
        told["signature"] = base64.b64encode(change(base64.b64decode(told["signature"]))).decode()

    return _edited(edit)


def _beyond_the_order(signature: bytes) -> bytes:
    number = int.from_bytes(signature[32:], "little") + _ORDER
    return signature[:32] + number.to_bytes(32, "little")


def _another_graph(bundle: Path) -> None:
    """Change a graph in a place that nobody reads, with hashes that hold."""
    name = "score.onnx"
    replace_file(bundle, name, (bundle / name).read_bytes() + b"\x32\x01x")  # ModelProto.doc_string


def _of_another_key(bundle: Path) -> None:
    keys = bundle.parent.parent / "other"
    keys.mkdir()
    path = keys / "other.pem"
    path.write_bytes(private_of(OTHER_KEY))
    sign_bundle(bundle, path)
    shutil.rmtree(keys)


def _link_to_a_good_one(bundle: Path) -> None:
    away = bundle.parent / "good.json"
    shutil.move(bundle / SIGNATURE_FILE, away)
    (bundle / SIGNATURE_FILE).symlink_to(away)


def _instead(make: Callable[[Path], object]) -> Damage:
    def damage(bundle: Path) -> None:
        (bundle / SIGNATURE_FILE).unlink()
        make(bundle / SIGNATURE_FILE)

    return damage


_ENTRIES: dict[str, Damage] = {
    "no signature": lambda bundle: (bundle / SIGNATURE_FILE).unlink(),
    "a link to a good signature": _link_to_a_good_one,
    **{f"{name} for a signature": _instead(make) for name, make in DEVICES.items()},
    "a signature with a name that looks the same": lambda bundle: (bundle / SIGNATURE_FILE).rename(
        bundle / "sign\u0430ture.json"
    ),
}
_TEXTS: dict[str, Damage] = {
    "a signature of nothing": _text(b""),
    "a signature of null": _text(b"null"),
    "a signature of a number": _text(b"5"),
    "a signature of text": _text(b'"Ed25519"'),
    "a signature of a list": _text(b"[]"),
    "a signature of no fields": _text(b"{}"),
    "a signature cut short": lambda bundle: os.truncate(bundle / SIGNATURE_FILE, 100),
    "a signature 4,000 deep": _text(b"[" * 4000),
    "a signature of objects 800 deep": _text(b'{"a":' * 800),
    "a signature of a huge number": _text(b'{"key":' + b"9" * 4000 + b"}"),
    "a signature in UTF-16": lambda bundle: (bundle / SIGNATURE_FILE).write_bytes(
        (bundle / SIGNATURE_FILE).read_text().encode("utf-16")
    ),
    "a signature of bytes": _text(b"\xff\xfe\xfd" * 100),
    "a signature of 4,097 bytes": lambda bundle: (bundle / SIGNATURE_FILE).write_bytes(
        (bundle / SIGNATURE_FILE).read_bytes().ljust(4097)
    ),
}
_FIELDS: dict[str, Damage] = {
    "another algorithm": _field("algorithm", "none"),
    "an algorithm of null": _field("algorithm", None),
    "no algorithm": _without("algorithm"),
    "no key": _without("key"),
    "a signature without itself": _without("signature"),
    "a field more": _field("expires", "never"),
    "a key that is a list": _field("key", ["a"]),
    "a key that is an object": _field("key", {}),
    "a key that is a number": _field("key", float("nan")),
    "a key of nothing": _field("key", ""),
    "a key with half a character": _field("key", "\ud800"),
    "a key in capital letters": _edited(lambda told: told.update(key=told["key"].upper())),
    "a signature that is a list": _field("signature", []),
    "a signature that is a number": _field("signature", 64),
    "an empty signature": _field("signature", ""),
    "a signature that is no base64": _field("signature", "!" * 88),
    "a signature beyond ASCII": _field("signature", "\u00e9" * 88),
    "a signature with line breaks": _edited(
        lambda told: told.update(signature=told["signature"][:40] + "\n" + told["signature"][40:])
    ),
    "half a signature": _raw(lambda signature: signature[:32]),
    "a signature and more": _raw(lambda signature: signature + b"\0"),
    "a signature of zeros": _raw(lambda signature: bytes(len(signature))),
    "a signature with one bit more": _raw(lambda signature: signature[:-1] + bytes([signature[-1] ^ 1])),
    "a signature beyond the order": _raw(_beyond_the_order),
}
_SIGNERS: dict[str, Damage] = {
    "signed by another": _of_another_key,
    "signed by another in the name of the trusted": _by(OTHER_KEY),
    "signed for another version": _by(OWN_KEY, "augment-bundle\n{name}\n2\n{digest}\n"),
    "signed for another name": _by(OWN_KEY, "augment-bundle\nlarge\n{version}\n{digest}\n"),
    "signed for other contents": _by(OWN_KEY, "augment-bundle\n{name}\n{version}\n" + "0" * 64 + "\n"),
    "signed for the digest alone": _by(OWN_KEY, "{digest}"),
    "signed without the last line's end": _by(OWN_KEY, "augment-bundle\n{name}\n{version}\n{digest}"),
    "signed for nothing": _by(OWN_KEY, ""),
    "a manifest changed after it was signed": lambda bundle: edit_manifest(
        bundle, lambda told: told.update(created_at="2026-01-01T00:00:00Z")
    ),
    "a graph changed after it was signed": _another_graph,
}
FORGED: dict[str, Damage] = {**_ENTRIES, **_TEXTS, **_FIELDS, **_SIGNERS}
"""By name, what is done to a bundle that the trusted key signed. Each must be refused by who trusts it."""
