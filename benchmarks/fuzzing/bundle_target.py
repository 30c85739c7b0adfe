"""Mutated bundles, opened as a server opens them: with hashes that hold, and without; signed, and not."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import onnx

from augment.bundle.limits import SIGNATURE_FILE
from augment.bundle.manifest import canonical_json
from augment.bundle.signing import TrustedKeys, sign_bundle
from augment.errors import BundleError, RequestError
from augment_server.hosting.opening import Opening
from fuzzing.mutation import NUMBERS, mutated
from fuzzing.verdicts import Case

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["BundleTarget", "HostileTarget"]

_MANIFEST = "manifest.json"
_OPS = ("Add", "Mul", "MatMul", "Gemm", "Expand", "Tile", "Reshape", "Concat", "Gather", "GatherND", "Where",
        "Pow", "Exp", "Softmax", "TopK", "NonZero", "Range", "ConstantOfShape", "OneHot", "Pad", "Resize",
        "ScatterND", "Slice", "Split", "Einsum", "CumSum", "Cast", "Identity", "StringNormalizer", "Loop",
        "RandomNormal", "SequenceAt", "Optional", "Nope", "")  # fmt: skip
_EDITED = 0.6
_SIGNED = 0.3
_PRIVATE, _PUBLIC = "own.pem", "own.pub.pem"
_OPENING_S = 10.0  # no call waits for it: bundles are opened on a thread of their own


class BundleTarget:
    """What opens bundles, signs them, and reads keys.

    Args:
        bundle: The bundle that is mutated.
        scratch: Where mutated ones are written.

    Attributes:
        good: The files before they are mutated, signed.
    """

    most_growth_mib: float | None = None
    most_seconds = _OPENING_S

    def __init__(self, bundle: Path, scratch: Path) -> None:
        from tests.bundle.hostile_signatures import signed  # noqa: PLC0415 - beside the repository alone

        self._signed = scratch / "signed" / bundle.parent.name / "1"
        shutil.copytree(bundle, self._signed)
        self._trusted = signed(self._signed, scratch)
        self._keys = {name: (scratch / name).read_bytes() for name in (_PRIVATE, _PUBLIC)}
        self.good = {path.name: path.read_bytes() for path in sorted(self._signed.iterdir())}
        self._place = scratch / "models" / bundle.parent.name / "1"
        self._scratch = scratch

    def case(self, chance: random.Random, number: int) -> Case:
        """Return the files of a mutated bundle; every other one has hashes that hold. Or a mutated key."""
        if chance.random() < _SIGNED:
            name = chance.choice((SIGNATURE_FILE, SIGNATURE_FILE, _PRIVATE, _PUBLIC))
            if name != SIGNATURE_FILE:
                key = mutated(self._keys[name], chance, list(self._keys.values()))
                return Case(name, {name: key})
        else:
            name = chance.choice(sorted(self.good))
        files = {**self.good, name: self._changed(name, chance)}
        if number % 2 and name not in {_MANIFEST, SIGNATURE_FILE}:
            manifest = json.loads(files[_MANIFEST])
            info = {"sha256": hashlib.sha256(files[name]).hexdigest(), "bytes": len(files[name])}
            manifest["files"][name] = info
            files[_MANIFEST] = canonical_json(manifest)
        return Case(name, files)

    def attempt(self, case: Case) -> str:
        """Return whether it was refused; that it is taken is no fault: a weight may have changed a little.

        Raises:
            AssertionError: It was taken for what the trusted key signed, and is something else.
        """
        if case.name in self._keys:
            return self._used(case.name, case.files[case.name])
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir(parents=True)
        for name, data in case.files.items():
            (self._place / name).write_bytes(data)
        end = opened(self._place, self._trusted)
        changed = {name for name in case.files if case.files[name] != self.good[name]}
        assert end != "taken" or changed <= {SIGNATURE_FILE}, f"{case.name} was changed and taken for signed"
        return end if end == "taken" or case.name == SIGNATURE_FILE else opened(self._place)

    def _used(self, name: str, key: bytes) -> str:
        """Return how reading a mutated key, and signing with it, ended."""
        path = self._scratch / f"mutated-{name}"
        path.write_bytes(key)
        try:
            if name == _PRIVATE:
                sign_bundle(self._signed, path)
            else:
                TrustedKeys.read(path)
        except RequestError:
            return "refused as RequestError"
        return "taken"

    def _changed(self, name: str, chance: random.Random) -> bytes:
        data = self.good[name]
        if chance.random() < _EDITED:
            if name.endswith(".onnx"):
                return _edited_graph(data, chance)
            if name == _MANIFEST:
                return _edited_manifest(data, chance)
            if name == SIGNATURE_FILE:
                return _edited_signature(data, chance)
        return mutated(data, chance, list(self.good.values()))


class HostileTarget:
    """The bundles of `tests/bundle/hostile.py` and `hostile_signatures.py`, made by hand.

    They are made of a small bundle of their own, the latter of one that is signed and opened as such.

    Args:
        scratch: Where they are written.
    """

    most_growth_mib: float | None = None
    most_seconds = _OPENING_S

    def __init__(self, scratch: Path) -> None:
        from tests.bundle.hostile import HOSTILE, small_bundle  # noqa: PLC0415 - beside the repository alone
        from tests.bundle.hostile_signatures import FORGED, signed  # noqa: PLC0415 - likewise

        self._damage: dict[str, Callable[[Path], object]] = HOSTILE | FORGED
        self._names = sorted(self._damage)
        self._forged = FORGED.keys()
        self._small = small_bundle(scratch / "small")
        self._signed = scratch / "signed" / "small" / "1"
        shutil.copytree(self._small, self._signed)
        self._trusted = signed(self._signed, scratch)
        self._place = scratch / "hostile"

    def case(self, chance: random.Random, number: int) -> Case:
        """Return one by its number."""
        del chance
        return Case(self._names[number % len(self._names)], {})

    def attempt(self, case: Case) -> str:
        """Return that it was refused.

        Raises:
            AssertionError: It was not.
        """
        shutil.rmtree(self._place, ignore_errors=True)
        bundle, forged = self._place / "small" / "1", case.name in self._forged
        shutil.copytree(self._signed if forged else self._small, bundle)
        self._damage[case.name](bundle)
        end = opened(bundle, self._trusted if forged else None)
        assert end != "taken", f"{case.name} was taken"
        return end


def opened(path: Path, trusted: TrustedKeys | None = None) -> str:
    """Return how opening a bundle for service ended."""
    try:
        Opening(threads=1, trusted=trusted).open(path)
    except BundleError as error:
        return f"refused as {type(error).__name__}"
    return "taken"


def _edited_graph(data: bytes, chance: random.Random) -> bytes:
    """Return an ONNX model that is well-formed, one to three of its parts changed."""
    model = _model(data)
    for _ in range(chance.choice((1, 1, 3))):
        chance.choice((_operator, _inputs, _attribute, _dims, _kind, _drop, _again, _shape))(
            model.graph, chance
        )
    return bytes(model.SerializeToString())


@functools.cache
def _parsed(data: bytes) -> onnx.ModelProto:
    return onnx.load_from_string(data)


def _model(data: bytes) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(_parsed(data))
    return copy


def _operator(graph: Any, chance: random.Random) -> None:
    if len(graph.node):
        chance.choice(graph.node).op_type = chance.choice(_OPS)


def _inputs(graph: Any, chance: random.Random) -> None:
    if not len(graph.node):  # dropped by the edit before
        return
    node, other = chance.choice(graph.node), chance.choice(graph.node)
    names = [*other.input, *other.output, *node.output, "", *(value.name for value in graph.input[:1])]
    if node.input:
        node.input[chance.randrange(len(node.input))] = chance.choice(names)


def _attribute(graph: Any, chance: random.Random) -> None:
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    if attributes:
        attribute = chance.choice(attributes)
        attribute.i = _signed(chance)
        if attribute.ints:
            attribute.ints[chance.randrange(len(attribute.ints))] = _signed(chance)


def _dims(graph: Any, chance: random.Random) -> None:
    tensor = chance.choice(graph.initializer) if len(graph.initializer) else None
    if tensor is not None and tensor.dims:
        tensor.dims[chance.randrange(len(tensor.dims))] = _signed(chance)


def _kind(graph: Any, chance: random.Random) -> None:
    if len(graph.initializer):
        chance.choice(graph.initializer).data_type = chance.randrange(25)


def _drop(graph: Any, chance: random.Random) -> None:
    part = chance.choice((graph.node, graph.initializer, graph.output, graph.input))
    if len(part):
        del part[chance.randrange(len(part))]


def _again(graph: Any, chance: random.Random) -> None:
    part = chance.choice((graph.node, graph.initializer, graph.output, graph.input))
    if len(part):
        part.append(chance.choice(part))


def _shape(graph: Any, chance: random.Random) -> None:
    sides = [side for value in (*graph.input, *graph.output) for side in value.type.tensor_type.shape.dim]
    if sides:
        chance.choice(sides).dim_value = _signed(chance)


def _signed(chance: random.Random) -> int:
    number = chance.choice(NUMBERS)
    return number if chance.random() < 0.7 else -number  # noqa: PLR2004 - some are negative


def _edited_manifest(data: bytes, chance: random.Random) -> bytes:
    """Return a canonical manifest in which one value is another."""
    told = json.loads(data)
    holder: Any = told
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            break
        key = chance.choice(keys)
        if isinstance(holder[key], dict | list) and chance.random() < 0.9:  # noqa: PLR2004 - mostly deep
            holder = holder[key]
            continue
        holder[key] = _other(holder[key], chance)
        break
    try:
        return canonical_json(told)
    except ValueError:
        return json.dumps(told).encode()


def _edited_signature(data: bytes, chance: random.Random) -> bytes:
    """Return a signature's file in which one field is another, or is not there, or stands beside one more."""
    told = json.loads(data)
    name = chance.choice(sorted(told))
    if chance.random() < 0.2:  # noqa: PLR2004 - mostly another value
        told[chance.choice((name, f"{name}s"))] = told.pop(name)
    else:
        told[name] = _other(told[name], chance)
    return json.dumps(told).encode()


def _other(value: object, chance: random.Random) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float) and chance.random() < 0.6:  # noqa: PLR2004 - mostly of its kind
        return chance.choice((*NUMBERS, 0.5, -0.5, 1e308, 1e-320, value + 1, -value))
    if isinstance(value, str) and chance.random() < 0.6:  # noqa: PLR2004 - likewise
        return chance.choice(("", value + "x", value[::-1], "../" + value, "\u202e", "nul\0", "a" * 70))
    if isinstance(value, list) and value:
        return chance.choice((value[:-1], value + value[:1], value[::-1], []))
    return chance.choice((None, [], {}, "", 0, 1e999, "x", [[[[]]]], {"x": {}}))
