"""Whatever the format does not allow is refused, with the right class and a message that names it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from augment.bundle import GoldenCase, open_bundle
from augment.bundle.golden import golden_to_bytes
from augment.errors import BundleCorruptError, BundleError, BundleUnsafeError, BundleVersionError
from tests.bundle.hostile import edit_manifest, replace_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from augment.bundle import BundleDraft

FILES = ["decode.onnx", "denoise.onnx", "encode.onnx", "golden.arrow", "score.onnx", "vae_sample.onnx"]


def test_an_opened_bundle_is_its_draft(published: Path, draft: BundleDraft) -> None:
    """Publishing and opening lose nothing."""
    opened = open_bundle(published)
    assert (opened.name, opened.version, opened.path) == ("small", 1, published)
    assert opened.manifest.record_schema == draft.schema
    assert opened.manifest.encoding == draft.encoding
    assert opened.manifest.training == draft.training
    assert opened.manifest.quality == draft.quality
    assert opened.manifest.samplers == ("vae",)
    assert {role: opened.graph(role) for role in opened.manifest.graphs} == draft.graphs
    for found, expected in zip(opened.golden(), draft.golden, strict=True):
        assert found.graph == expected.graph
        for name, tensor in (*expected.inputs.items(), *expected.outputs.items()):
            np.testing.assert_array_equal({**found.inputs, **found.outputs}[name], tensor)


def test_the_digest_is_the_hash_of_the_manifest(published: Path) -> None:
    """Anybody can compute a bundle's digest with sha256sum."""
    assert (
        open_bundle(published).digest
        == hashlib.sha256((published / "manifest.json").read_bytes()).hexdigest()
    )


def test_an_opened_bundle_does_not_need_its_directory(bundle: Path) -> None:
    """What was verified is what is used: files are read once and kept."""
    opened = open_bundle(bundle)
    before = opened.graph("decode")
    shutil.rmtree(bundle)
    assert opened.graph("decode") == before
    assert len(opened.golden()) == 5


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0, 100, -1])
def test_a_changed_byte_is_found(bundle: Path, name: str, where: int) -> None:
    """One flipped bit in any file is enough."""
    data = bytearray((bundle / name).read_bytes())
    data[where] ^= 1
    (bundle / name).write_bytes(data)
    _refused(bundle, BundleCorruptError, f"{name} was changed: its sha256 must be [0-9a-f]{{64}}, got")


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_size_is_found(bundle: Path, name: str) -> None:
    """A cut or grown file is named with both sizes."""
    data = (bundle / name).read_bytes()
    (bundle / name).write_bytes(data[:-1])
    _refused(bundle, BundleCorruptError, f"{name} must have {len(data)} bytes, got {len(data) - 1}")
    (bundle / name).write_bytes(data + b"x")
    _refused(bundle, BundleCorruptError, f"{name} must have at most {len(data)} bytes")


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    """Every file must be there."""
    (bundle / name).unlink()
    _refused(bundle, BundleCorruptError, f"{name} is missing")


def test_no_directory_is_a_corrupt_bundle(tmp_path: Path) -> None:
    """A path to nothing, or to a file, says so."""
    _refused(tmp_path / "small" / "7", BundleCorruptError, "must be a readable directory: No such file")
    (tmp_path / "8").write_text("")
    _refused(tmp_path / "8", BundleCorruptError, "must be a readable directory: Not a directory")


def _unknown_file(bundle: Path) -> None:
    (bundle / "weights.bin").write_bytes(b"")


def _hidden_file(bundle: Path) -> None:
    (bundle / ".DS_Store").write_bytes(b"")


def _subdirectory(bundle: Path) -> None:
    (bundle / "extra").mkdir()


def _linked_file(bundle: Path) -> None:
    shutil.move(bundle / "score.onnx", bundle.parent / "score.onnx")
    (bundle / "score.onnx").symlink_to(bundle.parent / "score.onnx")


def _linked_manifest(bundle: Path) -> None:
    shutil.move(bundle / "manifest.json", bundle.parent / "manifest.json")
    (bundle / "manifest.json").symlink_to("../manifest.json")


def _pipe(bundle: Path) -> None:
    (bundle / "score.onnx").unlink()
    os.mkfifo(bundle / "score.onnx")


def _piped_manifest(bundle: Path) -> None:
    (bundle / "manifest.json").unlink()
    os.mkfifo(bundle / "manifest.json")


def _linked_directory(bundle: Path) -> None:
    bundle.rename(bundle.parent / "2")
    bundle.symlink_to(bundle.parent / "2")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_unknown_file, "'weights.bin' is not in the manifest"),
        (_hidden_file, "'.DS_Store' is not in the manifest"),
        (_subdirectory, "'extra' must be a regular file, not a link or a directory"),
        (_linked_file, "'score.onnx' must be a regular file, not a link or a directory"),
        (_linked_manifest, "'manifest.json' must be a regular file"),
        (_pipe, "'score.onnx' must be a regular file"),
        (_piped_manifest, "'manifest.json' must be a regular file"),
        (_linked_directory, "a bundle must be a directory, got a link"),
    ],
)
def test_a_directory_holds_nothing_else(bundle: Path, damage: Callable[[Path], None], message: str) -> None:
    """Links, pipes, subdirectories and files that nobody named are refused, and none is followed."""
    damage(bundle)
    _refused(bundle, BundleUnsafeError, re.escape(message))


def test_a_newer_format_is_refused_before_anything_else_is_read(bundle: Path) -> None:
    """A future manifest may look like anything: only its format version is read."""
    (bundle / "manifest.json").write_text('{"format_version": 3, "name": {"not": "a name"}}')
    _refused(bundle, BundleVersionError, "format_version must be at most 2, got 3. Open it with a newer")


def test_an_older_format_is_refused_with_the_remedy(bundle: Path) -> None:
    """What an earlier release wrote is told from what is broken."""
    (bundle / "manifest.json").write_text('{"format_version": 1}')
    _refused(bundle, BundleVersionError, "format_version must be 2, got 1. Train the model again")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "must be JSON in UTF-8"),
        (b"\xff\xfe{}", "must be JSON in UTF-8"),
        (b"[" * 100_000, "must be JSON in UTF-8"),
        (b'{"format_version":' + b"1" * 5000 + b"}", "must be JSON in UTF-8"),
        (b"[]", "must be a JSON object"),
        (b"{}", "format_version must be an integer from 1, got None"),
        (b'{"format_version":"2"}', "format_version must be an integer from 1, got '2'"),
        (b'{"format_version":true}', "format_version must be an integer from 1, got True"),
        (b'{"format_version":2.0}', "format_version must be an integer from 1, got 2.0"),
        (b'{"format_version":0}', "format_version must be an integer from 1, got 0"),
        (b'{"format_version":2}', "manifest.json: name: Field required"),
    ],
)
def test_a_manifest_is_a_json_object(bundle: Path, raw: bytes, message: str) -> None:
    """Bytes that are no manifest are refused with the first rule that they break."""
    (bundle / "manifest.json").write_bytes(raw)
    _refused(bundle, BundleCorruptError, re.escape(message))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: m.update(comment="hello"), "comment: Extra inputs are not permitted, got 'hello'"),
        (lambda m: m.pop("samplers"), "samplers: Field required"),
        (lambda m: m.update(name="../up"), "name: String should match pattern"),
        (lambda m: m.update(block_rows=0), "block_rows: Input should be greater than or equal to 1, got 0"),
        (lambda m: m.update(block_rows=10**9), "block_rows: Input should be less than or equal to 65536"),
        (lambda m: m.update(samplers=["flow"]), "samplers: 'flow' must have a graph flow_sample"),
        (lambda m: m.update(samplers=["vae", "vae"]), "samplers must be unique"),
        (lambda m: m.update(golden="../golden.arrow"), "golden: Input should be 'golden.arrow'"),
        (
            lambda m: m["graphs"]["score"].update(file="../score.onnx"),
            "graphs.score.file must be 'score.onnx'",
        ),
        (lambda m: m["graphs"]["score"].update(file="/etc/passwd"), "got '/etc/passwd'"),
        (lambda m: m["files"].update({"../x": m["files"]["score.onnx"]}), "files must be exactly"),
        (lambda m: m["files"].pop("score.onnx"), "files must be exactly"),
        (
            lambda m: m["files"]["score.onnx"].update(sha256="0"),
            "files.score.onnx.sha256: String should match",
        ),
        (
            lambda m: m["files"]["score.onnx"].update(bytes=2**31),
            "score.onnx must have at most 2147483647 bytes",
        ),
        (lambda m: m["files"]["golden.arrow"].update(bytes=2**27), "golden.arrow must have at most 67108864"),
        (lambda m: m["graphs"].update({"Bad Role": m["graphs"]["score"]}), "graphs.Bad Role"),
        (
            lambda m: m["graphs"]["score"]["outputs"][0].update(name="scores"),
            "graphs.score.outputs must be those of",
        ),
        (
            lambda m: m["graphs"]["score"]["inputs"][0].update(shape=["batch", 8]),
            "graphs.score.inputs must be",
        ),
        (lambda m: m["schema"]["columns"][0].update(kind="secret"), "schema.columns.0"),
        (lambda m: m["encoding"]["columns"][0].update(counts=[]), "encoding.columns.0"),
        (lambda m: m["training"]["config"].update(epochs=1 << 62, notes=["x", None]), ""),
    ],
)
def test_a_manifest_follows_its_schema(
    bundle: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    """Each broken rule is named with its place; settings of the training are free."""
    edit_manifest(bundle, edit)
    if message:
        _refused(bundle, BundleCorruptError, re.escape(message))
    else:
        assert open_bundle(bundle).manifest.training.config["notes"] == ["x", None]


def _twice(text: str) -> str:
    return text.replace('"block_rows":32', '"block_rows":32,"block_rows":32')


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text + "\n", id="newline"),
        pytest.param(lambda text: json.dumps(json.loads(text), indent=1), id="indented"),
        pytest.param(lambda text: json.dumps(json.loads(text), separators=(",", ":")), id="escaped"),
        pytest.param(_twice, id="a key twice"),
        pytest.param(lambda text: text.replace('"schema":', '"record_schema":'), id="another key"),
        pytest.param(lambda text: text.replace("12:30:00Z", "13:30:00+01:00"), id="another zone"),
        pytest.param(lambda text: text.replace('"latent_dim":3', '"latent_dim":3.0'), id="another number"),
    ],
)
def test_a_manifest_has_one_form(bundle: Path, change: Callable[[str], str]) -> None:
    """Equal manifests have equal bytes and so equal digests: any other form is refused."""
    file = bundle / "manifest.json"
    before = file.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    file.write_text(after, encoding="utf-8")
    _refused(bundle, BundleCorruptError, "manifest.json must be canonical JSON")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_manifest_holds_finite_numbers(bundle: Path, number: str) -> None:
    """No number may be NaN or infinite, neither a figure nor a setting."""
    file = bundle / "manifest.json"
    text = file.read_text(encoding="utf-8")
    for known in ('"vae.heldout_loss":5.0', '"epochs":1}'):
        key = known.split(":")[0]
        file.write_text(text.replace(known, f"{key}:{number}" + "}" * known.count("}")), encoding="utf-8")
        _refused(bundle, BundleCorruptError, "manifest.json")


def test_a_bundle_lies_where_its_name_says(bundle: Path) -> None:
    """`<name>/<version>`: a bundle that was moved elsewhere is refused."""
    moved = bundle.parent.parent / "other" / "1"
    moved.parent.mkdir()
    shutil.copytree(bundle, moved)
    _refused(moved, BundleCorruptError, "its directory must be inside 'small'.*got 'other'")
    for name in ("0", "01", "1.0", "latest", "9" * 19):
        renamed = bundle.rename(bundle.parent / name)
        _refused(renamed, BundleCorruptError, f"its directory must be named by its version, got '{name}'")
        renamed.rename(bundle)


def test_a_relative_path_opens(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and version are those of the real directory, however the path is written."""
    monkeypatch.chdir(bundle)
    assert open_bundle(".").version == 1
    assert open_bundle("../1").name == "small"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cases: cases[1:], "must have a case of graph"),
        (lambda cases: [*cases, GoldenCase("flow", {}, {})], "has a case of 'flow', which is no graph"),
        (
            lambda cases: [_without_output(cases[0]), *cases[1:]],
            r"must have the tensors \['arrays', 'residuals'",
        ),
        (lambda cases: [_other_rows(cases[0]), *cases[1:]], "must have the shape"),
        (lambda cases: [_other_dtype(cases[0]), *cases[1:]], "must be int32 of shape"),
    ],
)
def test_golden_rows_fit_their_graphs(
    bundle: Path, draft: BundleDraft, change: Callable[[list[GoldenCase]], list[GoldenCase]], message: str
) -> None:
    """Each graph has a recorded case, with all its inputs and outputs in their types and shapes."""
    cases = [case for case in change(list(draft.golden)) if case.inputs or case.graph == "flow"]
    if cases[-1].graph == "flow":
        cases[-1] = GoldenCase("flow", draft.golden[0].inputs, draft.golden[0].outputs)
    replace_file(bundle, "golden.arrow", golden_to_bytes(cases))
    _refused(bundle, BundleCorruptError, f"golden.arrow.*{message}")


def _unsafe(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL


def _foreign(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.example"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_unsafe, "score.onnx: tensor 'w0' has external data; weights must be inside the .onnx file"),
        (_foreign, "score.onnx: operators must be of the standard domain, got domain 'com.example'"),
    ],
)
def test_a_graph_that_reaches_out_is_refused(
    bundle: Path, damage: Callable[[onnx.ModelProto], None], message: str
) -> None:
    """Also where all hashes hold: whoever made the bundle is not trusted either."""
    model = onnx.load_from_string((bundle / "score.onnx").read_bytes())
    damage(model)
    replace_file(bundle, "score.onnx", model.SerializeToString())
    _refused(bundle, BundleUnsafeError, re.escape(message))


def test_files_of_another_kind_are_refused(bundle: Path) -> None:
    """Bytes that are no ONNX model, or no Arrow file, with hashes that hold."""
    replace_file(bundle, "score.onnx", b"\x80" * 50)
    _refused(
        bundle, BundleCorruptError, "score.onnx is no usable ONNX model: a number must have at most 10 bytes"
    )


def test_golden_rows_are_an_arrow_file(bundle: Path) -> None:
    """Bytes that are no Arrow file, with a hash that holds."""
    replace_file(bundle, "golden.arrow", b"ARROW1")
    _refused(bundle, BundleCorruptError, "golden.arrow: it is no Arrow file")


def _without_output(case: GoldenCase) -> GoldenCase:
    return GoldenCase(case.graph, case.inputs, {"tokens": case.outputs["tokens"]})


def _other_rows(case: GoldenCase) -> GoldenCase:
    return GoldenCase(case.graph, case.inputs, {name: array[:3] for name, array in case.outputs.items()})


def _other_dtype(case: GoldenCase) -> GoldenCase:
    return GoldenCase(case.graph, case.inputs, {k: v.astype(np.float32) for k, v in case.outputs.items()})


def _refused(bundle: Path, kind: type[BundleError], message: str) -> None:
    """The bundle is refused with this very class, and the message names the path and the rule."""
    with pytest.raises(BundleError, match=message) as caught:
        open_bundle(bundle)
    assert type(caught.value) is kind
    assert caught.value.path == str(bundle)
