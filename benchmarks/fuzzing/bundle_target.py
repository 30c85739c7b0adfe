"""Mutated bundles, opened as a server opens them: with hashes that hold, and without."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import onnx

from augment.bundle.manifest import canonical_json
from augment.errors import BundleError
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
_OPENING_S = 10.0  # no call waits for it: bundles are opened on a thread of their own


class BundleTarget:
    """What opens bundles.

    Args:
        bundle: The bundle that is mutated.
        scratch: Where mutated ones are written.
    """

    most_growth_mib: float | None = None
    most_seconds = _OPENING_S

    def __init__(self, bundle: Path, scratch: Path) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted(bundle.iterdir())}
        self._place = scratch / "models" / bundle.parent.name / "1"

    def case(self, chance: random.Random, number: int) -> Case:
        """Return the files of a mutated bundle; every other one has hashes that hold."""
        name = chance.choice(sorted(self._files))
        files = {**self._files, name: self._changed(name, chance)}
        if number % 2 and name != _MANIFEST:
            manifest = json.loads(files[_MANIFEST])
            info = {"sha256": hashlib.sha256(files[name]).hexdigest(), "bytes": len(files[name])}
            manifest["files"][name] = info
            files[_MANIFEST] = canonical_json(manifest)
        return Case(name, files)

    def attempt(self, case: Case) -> str:
        """Return whether it was refused; that it is taken is no fault: a weight may have changed a little."""
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir(parents=True)
        for name, data in case.files.items():
            (self._place / name).write_bytes(data)
        return opened(self._place)

    def _changed(self, name: str, chance: random.Random) -> bytes:
        data = self._files[name]
        if chance.random() < _EDITED:
            if name.endswith(".onnx"):
                return _edited_graph(data, chance)
            if name == _MANIFEST:
                return _edited_manifest(data, chance)
        return mutated(data, chance, list(self._files.values()))


class HostileTarget:
    """The bundles of `tests/bundle/hostile.py`, made by hand.

    They are made of a small bundle of their own.

    Args:
        scratch: Where they are written.
    """

    most_growth_mib: float | None = None
    most_seconds = _OPENING_S

    def __init__(self, scratch: Path) -> None:
        from tests.bundle.hostile import HOSTILE, small_bundle  # noqa: PLC0415 - beside the repository alone

        self._names = sorted(HOSTILE)
        self._damage: dict[str, Callable[[Path], object]] = dict(HOSTILE)
        self._small = small_bundle(scratch / "small")
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
        bundle = self._place / "small" / "1"
        shutil.copytree(self._small, bundle)
        self._damage[case.name](bundle)
        end = opened(bundle)
        assert end != "taken", f"{case.name} was taken"
        return end


def opened(path: Path) -> str:
    """Return how opening a bundle for service ended."""
    try:
        Opening(threads=1).open(path)
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
    chance.choice(graph.node).op_type = chance.choice(_OPS)


def _inputs(graph: Any, chance: random.Random) -> None:
    node, other = chance.choice(graph.node), chance.choice(graph.node)
    names = [*other.input, *other.output, *node.output, "", graph.input[0].name]
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
    tensor = chance.choice(graph.initializer)
    if tensor.dims:
        tensor.dims[chance.randrange(len(tensor.dims))] = _signed(chance)


def _kind(graph: Any, chance: random.Random) -> None:
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
