"""Bundles made to harm, and ways to rewrite bundles so that their hashes hold: only one rule is broken."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pyarrow as pa

from augment.bundle import publish
from augment.bundle.golden import GoldenCase, golden_to_bytes
from augment.bundle.manifest import canonical_json
from tests.bundle.hostile_graphs import GRAPHS
from tests.bundle.small_graphs import draft_of
from tests.records import every_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    Damage = Callable[[Path], object]

__all__ = ["DEVICES", "HOSTILE", "edit_manifest", "replace_file", "small_bundle"]

_GRAPH = "score.onnx"


def edit_manifest(bundle: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Apply `edit` to the manifest and write it back in canonical form."""
    file = bundle / "manifest.json"
    manifest = json.loads(file.read_bytes())
    edit(manifest)
    file.write_bytes(canonical_json(manifest))


def replace_file(bundle: Path, name: str, data: bytes) -> None:
    """Put other bytes into a file, with size and hash in the manifest to match."""
    (bundle / name).write_bytes(data)
    info = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    edit_manifest(bundle, lambda manifest: manifest["files"].update({name: info}))


def small_bundle(root: Path) -> Path:
    """Return a small bundle, `small/1` under `root`, whose files may be written to."""
    bundle = publish(root, "small", draft_of(every_kind()), created_at=dt.datetime(2025, 3, 1, tzinfo=dt.UTC))
    for file in bundle.iterdir():
        file.chmod(0o644)
    return bundle


def _graph(edit: Callable[[onnx.ModelProto], object]) -> Damage:
    def damage(bundle: Path) -> None:
        model = onnx.load_from_string((bundle / _GRAPH).read_bytes())
        edit(model)
        replace_file(bundle, _GRAPH, model.SerializeToString())

    return damage


def _bytes(name: str, data: bytes) -> Damage:
    return lambda bundle: replace_file(bundle, name, data)


def _manifest(edit: Callable[[dict[str, Any]], object]) -> Damage:
    return lambda bundle: edit_manifest(bundle, edit)


def _raw_manifest(data: bytes) -> Damage:
    return lambda bundle: (bundle / "manifest.json").write_bytes(data)


def _instead(make: Callable[[Path], object], name: str = _GRAPH) -> Damage:
    """Return what puts something else in the place of a file."""

    def damage(bundle: Path) -> None:
        (bundle / name).unlink()
        make(bundle / name)

    return damage


def _device(path: Path) -> None:
    """Make /dev/zero, or, for who may not, a link to it."""
    try:
        os.mknod(path, 0o020666, os.makedev(1, 5))
    except OSError:
        path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path may not be long
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def _sparse_file(size: int) -> Callable[[Path], object]:
    """Return what makes a file of `size` bytes that takes no room."""

    def make(path: Path) -> None:
        path.write_bytes(b"")
        os.truncate(path, size)

    return make


DEVICES: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a device": _device,
    "a socket": _socket,
    "a directory": lambda path: path.mkdir(),
    "100 GB": _sparse_file(10**11),
}
"""What may stand in the place of any file, by name."""


def _moved_away(bundle: Path) -> None:
    shutil.move(bundle, bundle.with_name("away"))
    bundle.symlink_to(bundle.with_name("away"))


def _golden(**changes: Any) -> Damage:
    """Return what writes one golden tensor that is not as it should be."""
    row = {"case": 0, "graph": "score", "direction": "input", "name": "residuals", "dtype": "float32"}
    return lambda bundle: replace_file(
        bundle, "golden.arrow", _golden_file([{**row, "shape": [1], "data": b"\0" * 4, **changes}])
    )


def _golden_file(rows: list[dict[str, Any]], compression: str | None = None) -> bytes:
    with pa.ipc.open_file(pa.BufferReader(golden_to_bytes([]))) as reader:
        schema = reader.schema
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    return bytes(sink.getvalue().to_pybytes())


def _golden_bomb(bundle: Path) -> None:
    """Write 256 MiB of zeros as a few kilobytes."""
    row = {"case": 0, "graph": "score", "direction": "input", "name": "residuals", "dtype": "float32"}
    row |= {"shape": [2**26], "data": bytes(2**28)}
    replace_file(bundle, "golden.arrow", _golden_file([row], "zstd"))


def _golden_crowd(bundle: Path) -> None:
    """Write 20,000 tensors of nothing."""
    row = {"case": 0, "graph": "g", "direction": "input", "name": "n", "dtype": "float32", "shape": [0]}
    rows = [{**row, "case": number, "data": b""} for number in range(20_000)]
    replace_file(bundle, "golden.arrow", _golden_file(rows))


def _golden_of_another(bundle: Path) -> None:
    import numpy as np  # noqa: PLC0415 - here alone

    tensor = {"x": np.zeros((1, 1), np.float32)}
    replace_file(bundle, "golden.arrow", golden_to_bytes([GoldenCase("nobody", tensor, tensor)]))


def _nested(depth: int) -> bytes:
    """Return a model with subgraphs in attributes of nodes."""
    graph = b""
    for _ in range(depth):
        graph = _field(1, _field(5, _field(6, graph)))
    return _field(7, graph)


def _field(number: int, payload: bytes) -> bytes:
    size, out = len(payload), bytearray([number << 3 | 2])
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes(out) + bytes([size]) + payload


def _first_column(**changes: Any) -> Damage:
    return _manifest(lambda told: told["schema"]["columns"][0].update(changes))


def _image_shape(shape: list[int]) -> Damage:
    def edit(told: dict[str, Any]) -> None:
        column = next(column for column in told["schema"]["columns"] if column["kind"] == "array")
        column["shape"] = shape

    return _manifest(edit)


_FILES: dict[str, Damage] = {
    "a link to a file of the host": _instead(lambda path: path.symlink_to("/etc/passwd")),
    "a link to itself": _instead(lambda path: path.symlink_to(path.name)),
    "a link as its directory": _moved_away,
    "a pipe": _instead(os.mkfifo),
    "a pipe as its manifest": _instead(os.mkfifo, "manifest.json"),
    "a device": _instead(_device),
    "a socket": _instead(_socket),
    "a directory for a file": _instead(lambda path: path.mkdir()),
    "no graph": _instead(lambda path: None),  # noqa: ARG005 - nothing is made
    "no manifest": _instead(lambda path: None, "manifest.json"),  # noqa: ARG005 - likewise
    "a manifest of 100 GB": _instead(_sparse_file(10**11), "manifest.json"),
    "a graph of 100 GB": _instead(_sparse_file(10**11)),
    "golden rows of 100 GB": _instead(_sparse_file(10**11), "golden.arrow"),
    "a file more": lambda bundle: (bundle / "x.so").write_bytes(b"\x7fELF"),
    "a file with a name that looks the same": lambda bundle: (bundle / "score.onn\u0445").write_bytes(b""),
    "a file with a name that turns round": lambda bundle: (bundle / "\u202exnno.erocs").write_bytes(b""),
    "a file with a name of bytes": lambda bundle: Path(os.fsdecode(os.fsencode(bundle) + b"/\xff\n")).touch(),
    "an empty graph": _bytes(_GRAPH, b""),
    "a graph of text": _bytes(_GRAPH, b"import os\n" * 100),
    "a pickle for a graph": _bytes(_GRAPH, b"\x80\x04cos\nsystem\n\x94."),
    "a graph 10,000 deep": _bytes(_GRAPH, _nested(10_000)),
    "a graph of 1,100,000 fields": _bytes(_GRAPH, b"\x08\x01" * 1_100_000),
    "two graphs in one": _bytes(_GRAPH, _field(7, b"") * 2),
    "golden rows that are none": _bytes("golden.arrow", b"ARROW1\0\0" + b"\xff" * 100),
    "golden rows of negative size": _golden(shape=[-1]),
    "golden rows of 2**62": _golden(shape=[2**31, 2**31]),
    "golden rows that overflow": _golden(shape=[2**32, 2**32], data=b""),
    "golden rows of another type": _golden(dtype="object"),
    "golden rows of a graph that is not": _golden_of_another,
    "golden rows that unfold": _golden_bomb,
    "golden rows by the thousand": _golden_crowd,
}
_MANIFESTS: dict[str, Damage] = {
    "a manifest 100,000 deep": _raw_manifest(b"[" * 100_000 + b"]" * 100_000),
    "a manifest of objects 5,000 deep": _raw_manifest(
        b'{"format_version":2,"name":' + b'{"a":' * 5000 + b"1" + b"}" * 5001
    ),
    "a manifest of one huge number": _raw_manifest(b'{"format_version":' + b"9" * 100_000 + b"}"),
    "a manifest in YAML": _raw_manifest(b"format_version: 2\na: &a [x]\nb: &b [*a, *a]\n"),
    "a manifest in UTF-16": _raw_manifest('{"format_version":2}'.encode("utf-16")),
    "a manifest with half a character": _raw_manifest(b'{"format_version":2,"name":"\\ud800"}'),
    "a name that leaves its directory": _manifest(lambda told: told.update(name="../../up")),
    "a name that looks the same": _manifest(lambda told: told.update(name="sm\u0430ll")),
    "a graph that lies elsewhere": _manifest(lambda told: told["graphs"]["score"].update(file="/etc/passwd")),
    "a graph that lies above": _manifest(lambda told: told["graphs"]["score"].update(file="../1/score.onnx")),
    "a role that is a path": _manifest(lambda told: told["graphs"].update({"../x": told["graphs"]["score"]})),
    "1,000 graphs": _manifest(
        lambda told: told["graphs"].update({f"g{n}": told["graphs"]["score"] for n in range(1000)})
    ),
    "blocks of 2**40 rows": _manifest(lambda told: told.update(block_rows=2**40)),
    "a latent space of 2**40": _manifest(lambda told: told.update(latent_dim=2**40)),
    "a column of another kind": _first_column(kind="code"),
    "two columns of one name": _manifest(
        lambda told: told["schema"]["columns"][1].update(told["schema"]["columns"][0])
    ),
    "no columns": _manifest(lambda told: told["schema"].update(columns=[])),
    "an image of 2**62 points": _image_shape([2**31, 2**31]),
    "an image of negative size": _image_shape([-4, -4]),
    "an image of 1,000 sides": _image_shape([1] * 1000),
    "no encoding": _manifest(lambda told: told["encoding"].update(columns=[])),
    "an encoding of another column": _manifest(lambda told: told["encoding"]["columns"][0].update(name="x")),
}
HOSTILE: dict[str, Damage] = {**{name: _graph(edit) for name, edit in GRAPHS.items()}, **_FILES, **_MANIFESTS}
"""By name, what is done to a small bundle. Every one must be refused, soon, and by a `BundleError`."""
