"""The scan sees everything that onnx would read, without onnx, and refuses what no bundle may hold."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from augment.bundle import graph_scan
from augment.bundle.graph_scan import UnsafeGraphError, scan_graph
from augment.bundle.limits import FORBIDDEN_OPS, VARIADIC_OPS
from augment.bundle.onnx_fields import BYTES, FORBIDDEN_FIELDS, MESSAGES, NUMBER, NUMBERS
from augment.bundle.wire import fields_of
from tests.bundle.small_graphs import GraphWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import FieldDescriptor

    from augment.bundle import BundleDraft

_PACKED_NUMBERS = {
    "dims",
    "float_data",
    "int32_data",
    "int64_data",
    "double_data",
    "uint64_data",
    "floats",
    "ints",
}


def _small() -> onnx.ModelProto:
    """Y = x + w."""
    writer = GraphWriter({"x": ("float32", 2)}, {"y": ("float32", 2)})
    writer.add("Add", "x", writer.weight([1.0, 2.0]), out="y")
    return writer.model()


SMALL = _small().SerializeToString()


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_the_tables_are_those_of_onnx(kind: str) -> None:
    """Each known field has the number, the name and the kind that the onnx package gives it."""
    descriptor = getattr(onnx, kind.split(".", maxsplit=1)[0]).DESCRIPTOR
    for part in kind.split(".")[1:]:
        descriptor = descriptor.nested_types_by_name[part]
    for number, (name, value_kind) in MESSAGES[kind].items():
        field = descriptor.fields_by_number[number]
        assert field.name == name
        if (kind, name) not in FORBIDDEN_FIELDS:
            assert value_kind == _kind_of(field), name


def _kind_of(field: FieldDescriptor) -> str:
    if field.name in _PACKED_NUMBERS:
        return NUMBERS
    if field.message_type is not None:
        full = field.message_type.full_name.removeprefix("onnx.")
        return full if full in MESSAGES else BYTES
    return BYTES if field.type in {field.TYPE_STRING, field.TYPE_BYTES} else NUMBER


def test_no_operator_of_any_number_of_tensors_is_forgotten() -> None:
    """Those that onnx has are refused, or looked at for tensors that are left out."""
    variadic = onnx.defs.OpSchema.FormalParameterOption.Variadic
    found = {
        schema.name
        for schema in onnx.defs.get_all_schemas_with_history()
        if not schema.domain and any(each.option == variadic for each in (*schema.inputs, *schema.outputs))
    }
    assert found == VARIADIC_OPS | (FORBIDDEN_OPS & found)


def test_inputs_and_outputs_are_those_of_onnx(draft: BundleDraft) -> None:
    """Names, types and shapes are what the onnx package reads."""
    for data in draft.graphs.values():
        signature = scan_graph(data)
        graph = onnx.load_from_string(data).graph
        for found, expected in ((signature.inputs, graph.input), (signature.outputs, graph.output)):
            assert [info.name for info in found] == [value.name for value in expected]
            for info, value in zip(found, expected, strict=True):
                tensor = value.type.tensor_type
                assert info.dtype == ("float32" if tensor.elem_type == TensorProto.FLOAT else "int32")
                assert info.shape == tuple(side.dim_param or side.dim_value for side in tensor.shape.dim)


def _external(tensor: onnx.TensorProto) -> onnx.TensorProto:
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def _weights() -> onnx.TensorProto:
    return numpy_helper.from_array(np.zeros(2, np.float32), "secret")


def _initializer(model: onnx.ModelProto) -> None:
    _external(model.graph.initializer[0])


def _path_without_location(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].external_data.add(key="location", value="../../etc/passwd")


def _attribute_tensor(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="Constant", output=["c"]).attribute.append(
        helper.make_attribute("value", _external(_weights()))
    )


def _attribute_tensors(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("many", [_weights(), _external(_weights())]))


def _attribute_graph(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [], [_external(_weights())])
    model.graph.node[0].attribute.append(helper.make_attribute("body", inner))


def _attribute_graphs(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [], [_external(_weights())])
    outer = helper.make_graph([helper.make_node("Abs", ["x"], ["z"], body=inner)], "outer", [], [])
    model.graph.node[0].attribute.append(helper.make_attribute("bodies", [outer]))


def _sparse(part: str) -> Callable[[onnx.ModelProto], None]:
    def damage(model: onnx.ModelProto) -> None:
        sparse = onnx.SparseTensorProto(dims=[2])
        getattr(sparse, part).CopyFrom(_external(_weights()))
        model.graph.sparse_initializer.append(sparse)

    return damage


def _sparse_attribute(model: onnx.ModelProto) -> None:
    sparse = onnx.SparseTensorProto(dims=[2], values=_external(_weights()))
    model.graph.node[0].attribute.add(name="sparse", sparse_tensor=sparse)


def _function(model: onnx.ModelProto) -> None:
    model.functions.add(name="f").node.add(op_type="Constant").attribute.append(
        helper.make_attribute("value", _external(_weights()))
    )


def _training(model: onnx.ModelProto) -> None:
    model.training_info.add().initialization.initializer.append(_external(_weights()))


def _domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.microsoft"


def _imported_domain(model: onnx.ModelProto) -> None:
    model.opset_import.add(domain="com.example", version=1)


def _operator(name: str) -> Callable[[onnx.ModelProto], None]:
    def damage(model: onnx.ModelProto) -> None:
        model.graph.node.add(op_type=name, input=["x"], output=["z"])

    return damage


def _hidden_operator(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([helper.make_node("RandomUniform", [], ["r"])], "inner", [], [])
    model.graph.node[0].attribute.append(helper.make_attribute("body", inner))


def _segment(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].segment.begin = 0


def _devices(model: onnx.ModelProto) -> None:
    model.configuration.add(name="two")


def _node_device(model: onnx.ModelProto) -> None:
    model.graph.node[0].device_configurations.add(configuration_id="two")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_initializer, "tensor 'w0' has external data; weights must be inside the .onnx file"),
        (_path_without_location, "TensorProto.external_data: has external data"),
        (_attribute_tensor, "tensor 'secret' has external data"),
        (_attribute_tensors, "tensor 'secret' has external data"),
        (_attribute_graph, "tensor 'secret' has external data"),
        (_attribute_graphs, "tensor 'secret' has external data"),
        (_sparse("values"), "tensor 'secret' has external data"),
        (_sparse("indices"), "tensor 'secret' has external data"),
        (_sparse_attribute, "tensor 'secret' has external data"),
        (_function, "ModelProto.functions: holds local functions"),
        (_training, "ModelProto.training_info: holds training graphs"),
        (_segment, "TensorProto.segment: is cut into segments"),
        (_devices, "ModelProto.configuration: holds device configurations"),
        (_node_device, "NodeProto.device_configurations: holds device configurations"),
        (_domain, "operators must be of the standard domain, got domain 'com.microsoft'"),
        (_imported_domain, "operators must be of the standard domain, got domain 'com.example'"),
        (_operator("RandomNormalLike"), "operator RandomNormalLike is not allowed"),
        (_operator("Multinomial"), "operator Multinomial is not allowed"),
        (_operator("Loop"), "operator Loop is not allowed: no random operators, no control flow"),
        (_operator("If"), "operator If is not allowed"),
        (_hidden_operator, "operator RandomUniform is not allowed"),
    ],
)
def test_unsafe_models_are_refused(damage: Callable[[onnx.ModelProto], None], message: str) -> None:
    """External data and foreign operators are found wherever a model can hide them."""
    model = onnx.load_from_string(SMALL)
    damage(model)
    with pytest.raises(UnsafeGraphError) as caught:
        scan_graph(model.SerializeToString())
    assert message in str(caught.value)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _nested(depth: int) -> bytes:
    """A model with subgraphs in attributes of nodes, `depth` deep."""
    graph = b""
    for _ in range(depth):
        graph = _field(1, _field(5, _field(6, graph)))
    return _field(7, graph)


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", ValueError, "must hold 1 graph, got 0"),
        (SMALL + SMALL, ValueError, "must hold 1 graph, got 2"),
        (b"\x00\x01", ValueError, "field number must be at least 1"),
        (b"\x08", ValueError, "a number must end inside its message"),
        (b"\x08" + b"\xff" * 11, ValueError, "a number must have at most 10 bytes"),
        (b"\x3a\x7f", ValueError, "field 7 must end inside its message, is 127 bytes over"),
        (b"\x3b\x3c", ValueError, "wire type must be 0, 1, 2 or 5, got 3"),
        (b"\x38\x01", ValueError, "ModelProto.graph must not have wire type 0"),
        (_field(1, b"x"), ValueError, "ModelProto.ir_version must not have wire type 2"),
        (_field(99, b"x"), UnsafeGraphError, "ModelProto has field 99, which format version 1 does not know"),
        (_nested(40), UnsafeGraphError, "messages must nest at most 32 deep"),
    ],
)
def test_malformed_bytes_are_refused(data: bytes, kind: type[ValueError], message: str) -> None:
    """Bytes that are no ONNX model are refused by the rule that they break."""
    with pytest.raises(ValueError, match=r".") as caught:
        scan_graph(data)
    assert type(caught.value) is kind
    assert message in str(caught.value)


def test_wide_models_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of fields is limited, so that a file cannot cost more time than its weights are worth."""
    monkeypatch.setattr(graph_scan, "MAX_GRAPH_FIELDS", 10_000)
    with pytest.raises(UnsafeGraphError, match="must have at most 10000 fields; keep weights as raw_data"):
        scan_graph(b"\x08\x01" * 10_001)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda value: value.type.tensor_type.ClearField("shape"), "'x' must be a float32 or int32 tensor"),
        (
            lambda value: setattr(value.type.tensor_type, "elem_type", 11),
            "'x' must be a float32 or int32 tensor",
        ),
        (lambda value: value.ClearField("type"), "'x' must be a float32 or int32 tensor with a shape"),
        (
            lambda value: value.type.tensor_type.shape.dim[0].Clear(),
            "'x': each side must have either a length",
        ),
        (
            lambda value: setattr(value.type.tensor_type.shape.dim[0], "dim_value", -1),
            "must be in [1, 2147483647]",
        ),
    ],
)
def test_inputs_are_plain_tensors(edit: Callable[[Any], object], message: str) -> None:
    """An input or output is a float32 or int32 tensor whose sides all have a length or a name."""
    model = onnx.load_from_string(SMALL)
    edit(model.graph.input[0])
    with pytest.raises(ValueError, match=r".") as caught:
        scan_graph(model.SerializeToString())
    assert message in str(caught.value)


def test_every_cut_is_refused() -> None:
    """A model cut off anywhere is no model, but where a whole field ends before its graph begins."""
    for end in range(len(SMALL)):
        try:
            scan_graph(SMALL[:end])
        except ValueError:
            continue
        assert onnx.load_from_string(SMALL[:end]).graph.node


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutations_never_surprise(data: st.DataObject) -> None:
    """Any change of any bytes gives a signature or a ValueError, and soon."""
    mutated = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    began = time.perf_counter()
    with contextlib.suppress(ValueError):
        scan_graph(bytes(mutated))
    assert time.perf_counter() - began < 1


@given(st.binary(max_size=200))
def test_fields_cover_the_message(message: bytes) -> None:
    """The fields of a message are all of it, or it is refused: nothing is read twice and nothing skipped."""
    try:
        fields = list(fields_of(memoryview(message)))
    except ValueError:
        return
    payloads = sum(len(value) for _, _, value in fields if isinstance(value, memoryview))
    assert payloads + len(fields) <= len(message)
