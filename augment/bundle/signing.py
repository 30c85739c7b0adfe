"""Signatures of bundles: who published this very version, by Ed25519 (RFC 8032), extra `signing`."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.bundle.limits import SIGNATURE_FILE
from augment.bundle.reading import open_bundle
from augment.errors import BundleUnsafeError, PublishError, RequestError, UnsupportedError, shorten

if TYPE_CHECKING:
    from augment.bundle.reading import Bundle

__all__ = ["TrustedKeys", "new_key", "sign_bundle"]

_KEY_SUFFIX = "*.pem"
_ALGORITHM = "Ed25519"


def sign_bundle(path: Path | str, key: Path | str) -> str:
    """Write a signature into a bundle's directory, in place of an earlier one; nothing else is changed.

    What is signed is the name, the version and the digest, and so all of the bundle.

    Args:
        path: The bundle's directory.
        key: PEM file of an Ed25519 private key, without a password.

    Returns:
        The id of the key: sha256 over its public half, in hex.

    Raises:
        BundleError: The bundle cannot be used.
        RequestError: The key is none.
        PublishError: The directory cannot be written.
    """
    ed25519, serialization = _cryptography()
    bundle = open_bundle(path)
    try:
        private = serialization.load_pem_private_key(Path(key).read_bytes(), password=None)
    except _unusable_keys() as exc:
        raise _no_key(key) from exc
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise _no_key(key)
    identity = _id_of(private.public_key().public_bytes_raw())
    signature = base64.b64encode(private.sign(_message(bundle))).decode()
    text = json.dumps({"algorithm": _ALGORITHM, "key": identity, "signature": signature}, sort_keys=True)
    target = bundle.path / SIGNATURE_FILE
    temporary = bundle.path.parent / f".{bundle.version}.{SIGNATURE_FILE}.{secrets.token_hex(4)}"
    try:
        with temporary.open("w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise PublishError(f"{target} could not be written: {exc.strerror or exc}") from exc
    return identity


def new_key(private: Path | str, public: Path | str) -> None:
    """Make a pair of keys as PEM files, the private one for its owner alone.

    Raises:
        PublishError: A file is there already or cannot be written.
    """
    ed25519, serialization = _cryptography()
    key = ed25519.Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    told = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for path, mode, data in ((private, 0o600, secret), (public, 0o644, told)):
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(data)
        except OSError as exc:
            raise PublishError(f"{path} could not be written: {exc.strerror or exc}") from exc


@dataclass(frozen=True)
class TrustedKeys:
    """Public keys whose signatures count.

    Attributes:
        by_id: The raw keys, by their ids.
    """

    by_id: dict[str, bytes]

    @classmethod
    def read(cls, path: Path | str) -> TrustedKeys:
        """Read a PEM file of one Ed25519 public key, or all `*.pem` in a directory.

        Raises:
            RequestError: There is none, or one that is no such key.
        """
        ed25519, serialization = _cryptography()
        place = Path(path)
        files = sorted(place.glob(_KEY_SUFFIX)) if place.is_dir() else [place]
        keys = {}
        for file in files:
            try:
                key = serialization.load_pem_public_key(file.read_bytes())
            except _unusable_keys() as exc:
                raise _no_key(file) from exc
            if not isinstance(key, ed25519.Ed25519PublicKey):
                raise _no_key(file)
            keys[_id_of(key.public_bytes_raw())] = key.public_bytes_raw()
        if not keys:
            raise _no_key(path)
        return cls(keys)

    def require(self, bundle: Bundle) -> None:
        """Refuse a bundle that none of the keys signed.

        Raises:
            BundleUnsafeError: It has no signature, or a wrong one, or one of another key, name or version.
        """
        if bundle.contents.signature is None:
            raise BundleUnsafeError(bundle.path, "is not signed, and a signature is asked for")
        try:
            identity, signature = _told(bundle.contents.signature)
        except (ValueError, RecursionError) as exc:
            raise BundleUnsafeError(bundle.path, f"{SIGNATURE_FILE} is no signature") from exc
        raw = self.by_id.get(identity)
        if raw is None:
            raise BundleUnsafeError(bundle.path, "is signed by a key that is not trusted")
        ed25519, _ = _cryptography()
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(signature, _message(bundle))
        except _invalid_signature() as exc:
            raise BundleUnsafeError(bundle.path, "its signature is of other contents") from exc


def _told(file: bytes) -> tuple[str, bytes]:
    """Return the id of the key and the signature that a file tells.

    Raises:
        ValueError: It tells none, or something else besides.
        RecursionError: It is nested too deeply.
    """
    told = json.loads(file.decode("ascii"))
    if not isinstance(told, dict) or told.keys() != {"algorithm", "key", "signature"}:
        raise ValueError(shorten(told))
    algorithm, key, signature = told["algorithm"], told["key"], told["signature"]
    if algorithm != _ALGORITHM or not isinstance(key, str) or not isinstance(signature, str):
        raise ValueError(shorten(told))
    return key, base64.b64decode(signature, validate=True)


def _message(bundle: Bundle) -> bytes:
    return f"augment-bundle\n{bundle.name}\n{bundle.version}\n{bundle.digest}\n".encode()


def _id_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _no_key(path: Path | str) -> RequestError:
    return RequestError.of("key", "must be a PEM file of an Ed25519 key without a password", str(path))


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError as exc:
        remedy = "pip install 'augment-service[signing]'"
        raise UnsupportedError(f"signatures need the package cryptography. {remedy}") from exc
    return ed25519, serialization


def _unusable_keys() -> tuple[type[Exception], ...]:
    """Return what is raised of a file that holds no key, or one that is locked or of a kind nobody knows.

    `InternalError` is what cryptography says of a key that is shorter than its kind.
    """
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm  # noqa: PLC0415 - an extra

    return OSError, ValueError, TypeError, UnsupportedAlgorithm, InternalError


def _invalid_signature() -> type[Exception]:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra

    return InvalidSignature
