"""Opens a bundle: verifies everything that can be verified without running a graph."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from augment.bundle.files import entries_of, opened_directory, read_entry
from augment.bundle.golden import GoldenCase, golden_from_bytes
from augment.bundle.graph_scan import UnsafeGraphError, scan_graph
from augment.bundle.limits import (
    FORMAT_VERSION,
    GOLDEN_FILE,
    MANIFEST_FILE,
    MAX_GOLDEN_BYTES,
    MAX_GRAPH_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES,
    SIGNATURE_FILE,
    VERSION_PATTERN,
    WEIGHTS_FILE,
)
from augment.bundle.manifest import GraphInfo, Manifest, digest_of
from augment.bundle.tensors import case_mismatch
from augment.errors import (
    BundleCorruptError,
    BundleUnsafeError,
    BundleVersionError,
    UnsupportedError,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Bundle", "Contents", "manifest_of", "open_bundle", "read_contents", "read_weights"]


@dataclass(frozen=True)
class Contents:
    """The verified contents of a bundle's directory.

    Attributes:
        manifest: What the bundle says about itself.
        digest: sha256 over the manifest's bytes, in hex: names these contents for good.
        files: The bytes of the other files, each read once and hashed as read; without the weights.
        cases: The recorded inputs and outputs.
        signature: Who says to have published it; not verified (see `augment.bundle.signing`). None: nobody.
    """

    manifest: Manifest
    digest: str
    files: Mapping[str, bytes] = field(repr=False)
    cases: tuple[GoldenCase, ...] = field(repr=False)
    signature: bytes | None = None


@dataclass(frozen=True)
class Bundle:
    """An opened bundle, all in memory: what happens to its directory now changes nothing.

    Attributes:
        path: Its directory, `<name>/<version>`.
        version: From 1, larger is newer.
        contents: What is in it.
    """

    path: Path
    version: int
    contents: Contents

    @property
    def name(self) -> str:
        """The model's name."""
        return self.manifest.name

    @property
    def manifest(self) -> Manifest:
        """What the bundle says about itself."""
        return self.contents.manifest

    @property
    def digest(self) -> str:
        """The name of these very contents, sha256 in hex."""
        return self.contents.digest

    def graph(self, role: str) -> bytes:
        """Return the ONNX file of one role, e.g. `decode`; KeyError where there is none."""
        return self.contents.files[self.manifest.graphs[role].file]

    def golden(self) -> list[GoldenCase]:
        """Return the recorded inputs and outputs, at least one case a graph."""
        return list(self.contents.cases)


def open_bundle(path: Path | str) -> Bundle:
    """Read and verify the bundle in the directory `path`, which must be called `<name>/<version>`.

    Raises:
        BundleVersionError: Its format is newer than this library reads.
        BundleCorruptError: A file is missing, changed or not what the format says.
        BundleUnsafeError: It holds what no bundle may: links, external data, foreign operators.
    """
    path = Path(path)
    contents = read_contents(path)
    place = path.resolve()
    if not VERSION_PATTERN.fullmatch(place.name):
        raise BundleCorruptError(path, f"its directory must be named by its version, got {place.name!r}")
    if place.parent.name != contents.manifest.name:
        rule = f"its directory must be inside {contents.manifest.name!r}, the name in {MANIFEST_FILE}"
        raise BundleCorruptError(path, f"{rule}, got {place.parent.name!r}")
    return Bundle(path, int(place.name), contents)


def read_contents(path: Path) -> Contents:
    """Return the verified contents of a directory, whatever the directory is called."""
    with opened_directory(path) as descriptor:
        raw = read_entry(descriptor, path, MANIFEST_FILE, MAX_MANIFEST_BYTES)
        manifest = manifest_of(raw, path)
        found = entries_of(descriptor, path)
        _check_names(found, manifest, path)
        signature = None
        if SIGNATURE_FILE in found:
            signature = read_entry(descriptor, path, SIGNATURE_FILE, MAX_SIGNATURE_BYTES)
        files = {name: _checked_file(descriptor, path, name, manifest) for name in manifest.files}
    files.pop(WEIGHTS_FILE, None)  # nobody who runs a bundle needs them in memory
    for role, graph in manifest.graphs.items():
        _check_graph(files[graph.file], graph, f"graphs.{role}", path)
    cases = _golden_of(files[GOLDEN_FILE], manifest, path)
    return Contents(manifest, digest_of(raw), files, cases, signature)


def read_weights(bundle: Bundle) -> bytes:
    """Return the weights' file of a bundle, verified.

    Raises:
        UnsupportedError: It has none.
        BundleCorruptError: It is missing or was changed.
    """
    if bundle.manifest.weights is None:
        raise UnsupportedError(
            f"bundle {bundle.path}: has no weights to go on from. Train it again to have them"
        )
    with opened_directory(bundle.path) as descriptor:
        return _checked_file(descriptor, bundle.path, bundle.manifest.weights, bundle.manifest)


def manifest_of(raw: bytes, path: Path | str) -> Manifest:
    """Return the manifest; its format version is looked at before anything else in it.

    Raises:
        BundleVersionError: Its format is another one than this library reads.
        BundleCorruptError: It is none.
    """
    parsed = _parsed_json(raw, path)
    version = parsed.get("format_version")
    if type(version) is not int or version < 1:
        raise BundleCorruptError(path, f"format_version must be an integer from 1, got {shorten(version)}")
    if version > FORMAT_VERSION:
        rule = f"format_version must be at most {FORMAT_VERSION}, got {version}"
        raise BundleVersionError(path, f"{rule}. Open it with a newer augment-service")
    if version < FORMAT_VERSION:
        rule = f"format_version must be {FORMAT_VERSION}, got {version}"
        raise BundleVersionError(path, f"{rule}. Train the model again with this augment-service")
    try:
        manifest = Manifest.model_validate_json(raw)
        canonical = manifest.to_bytes()
    except ValidationError as exc:
        raise BundleCorruptError(path, f"{MANIFEST_FILE}: {_first_error(exc)}") from exc
    except ValueError as exc:
        raise BundleCorruptError(
            path, f"{MANIFEST_FILE} must hold finite numbers and Unicode: {exc}"
        ) from exc
    if canonical != raw:
        raise BundleCorruptError(
            path, f"{MANIFEST_FILE} must be canonical JSON: all keys, sorted, once each, no spaces"
        )
    return manifest


def _parsed_json(raw: bytes, path: Path | str) -> dict[str, Any]:
    """Return the JSON object in `raw`."""
    try:
        parsed = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise BundleCorruptError(path, f"{MANIFEST_FILE} must be JSON in UTF-8: {exc}") from exc
    if not isinstance(parsed, dict):
        raise BundleCorruptError(path, f"{MANIFEST_FILE} must be a JSON object")
    return parsed


def _first_error(exc: ValidationError) -> str:
    """Return the first broken rule of a manifest, with its place and value."""
    error = exc.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in error["loc"]) or "the whole"
    return f"{place}: {error['msg']}, got {shorten(error['input'])}"


def _check_names(found: set[str], manifest: Manifest, path: Path) -> None:
    """Refuse a directory that holds other files than the manifest names."""
    wanted = {MANIFEST_FILE, *manifest.files}
    if missing := sorted(wanted - found):
        raise BundleCorruptError(path, f"{missing[0]} is missing")
    if unknown := sorted(found - wanted - {SIGNATURE_FILE}):
        raise BundleUnsafeError(path, f"{unknown[0]!r} is not in the manifest: a bundle holds nothing else")


def _checked_file(descriptor: int, path: Path, name: str, manifest: Manifest) -> bytes:
    """Return the bytes of a file that are of the size and hash in the manifest."""
    info = manifest.files[name]
    limit = MAX_GOLDEN_BYTES if name == GOLDEN_FILE else MAX_GRAPH_BYTES
    if info.bytes > limit:
        raise BundleCorruptError(path, f"{name} must have at most {limit} bytes, got {info.bytes}")
    data = read_entry(descriptor, path, name, info.bytes)
    if len(data) != info.bytes:
        raise BundleCorruptError(path, f"{name} must have {info.bytes} bytes, got {len(data)}")
    if (found := hashlib.sha256(data).hexdigest()) != info.sha256:
        raise BundleCorruptError(path, f"{name} was changed: its sha256 must be {info.sha256}, got {found}")
    return data


def _check_graph(data: bytes, info: GraphInfo, role: str, path: Path) -> None:
    """Refuse an unsafe graph, and one with other inputs and outputs than the manifest says."""
    try:
        found = scan_graph(data)
    except UnsafeGraphError as exc:
        raise BundleUnsafeError(path, f"{info.file}: {exc}") from exc
    except ValueError as exc:
        raise BundleCorruptError(path, f"{info.file} is no usable ONNX model: {exc}") from exc
    for what, named, there in (
        ("inputs", info.inputs, found.inputs),
        ("outputs", info.outputs, found.outputs),
    ):
        if named != there:
            rule = f"{role}.{what} must be those of {info.file}: {shorten(there)}"
            raise BundleCorruptError(path, f"{rule}, got {shorten(named)}")


def _golden_of(data: bytes, manifest: Manifest, path: Path) -> tuple[GoldenCase, ...]:
    """Return the recorded cases: at least one a graph, each with all its inputs and outputs."""
    try:
        cases = golden_from_bytes(data)
    except ValueError as exc:
        raise BundleCorruptError(path, f"{GOLDEN_FILE}: {exc}") from exc
    if missing := sorted(set(manifest.graphs) - {case.graph for case in cases}):
        raise BundleCorruptError(path, f"{GOLDEN_FILE} must have a case of graph {missing[0]!r}")
    for case in cases:
        info = manifest.graphs.get(case.graph)
        if info is None:
            raise BundleCorruptError(path, f"{GOLDEN_FILE} has a case of {case.graph!r}, which is no graph")
        if reason := case_mismatch(case, info):
            raise BundleCorruptError(path, f"{GOLDEN_FILE}: {case.graph}: {reason}")
    return tuple(cases)
