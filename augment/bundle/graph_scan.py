"""Looks through an ONNX file without the onnx package: its inputs and outputs, and nothing unsafe in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from augment.bundle.limits import (
    FORBIDDEN_OPS,
    MAX_GRAPH_DEPTH,
    MAX_GRAPH_FIELDS,
    MAX_SIDE,
    VARIADIC_OPS,
)
from augment.bundle.manifest import Dtype, TensorInfo
from augment.bundle.onnx_fields import FORBIDDEN_FIELDS, MESSAGES, NUMBER, NUMBERS
from augment.bundle.wire import LENGTH, fields_of
from augment.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["GraphSignature", "UnsafeGraphError", "scan_graph"]

_STANDARD_DOMAINS = frozenset({"", "ai.onnx"})
_DTYPES = {1: "float32", 6: "int32"}


class UnsafeGraphError(ValueError):
    """The file is a well-formed ONNX model that holds what no bundle may hold."""


@dataclass(frozen=True)
class GraphSignature:
    """The inputs and outputs of a graph, in its own order."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def scan_graph(data: bytes) -> GraphSignature:
    """Check the whole ONNX file `data` and return its graph's inputs and outputs.

    Every message is looked at, also in attributes, subgraphs and sparse tensors.

    Raises:
        UnsafeGraphError: External data, an operator outside the standard domain, a random operator,
            control flow, a local function, or a field that the format does not know.
        ValueError: The bytes are no ONNX model with float32 and int32 tensors at its edges.
    """
    model = _Scan().message("ModelProto", memoryview(data), depth=0)
    graphs = model.messages("graph")
    if len(graphs) != 1:
        raise ValueError(f"an ONNX file must hold 1 graph, got {len(graphs)}")
    return GraphSignature(
        tuple(_tensor_info(value) for value in graphs[0].messages("input")),
        tuple(_tensor_info(value) for value in graphs[0].messages("output")),
    )


@dataclass
class _Message:
    """One parsed message: its fields by name, in their order, without repeated numbers."""

    kind: str
    parts: list[tuple[str, _Message | memoryview | int]] = field(default_factory=list)

    def messages(self, name: str) -> list[_Message]:
        """Return the submessages of one field."""
        return [part for key, part in self.parts if key == name and isinstance(part, _Message)]

    def texts(self, name: str) -> list[str]:
        """Return the values of a text field."""
        found = [bytes(part) for key, part in self.parts if key == name and isinstance(part, memoryview)]
        return [text.decode("utf-8") for text in found]

    def numbers(self, name: str) -> list[int]:
        """Return the values of an integer field."""
        return [part for key, part in self.parts if key == name and isinstance(part, int)]


class _Scan:
    """One walk over one file; counts fields so that a small file cannot cost much time."""

    def __init__(self) -> None:
        self._fields = 0

    def message(self, kind: str, data: memoryview, *, depth: int) -> _Message:
        """Return the message `data`, after checking it and all inside it."""
        if depth > MAX_GRAPH_DEPTH:
            raise UnsafeGraphError(f"messages must nest at most {MAX_GRAPH_DEPTH} deep")
        parsed = _Message(kind)
        for name, value_kind, value in self._known_fields(kind, data):
            if value_kind in MESSAGES and isinstance(value, memoryview):
                parsed.parts.append((name, self.message(value_kind, value, depth=depth + 1)))
            elif value_kind != NUMBERS:
                parsed.parts.append((name, value))
        _check(parsed)
        return parsed

    def _known_fields(self, kind: str, data: memoryview) -> Iterator[tuple[str, str, int | memoryview]]:
        """Yield name, kind and value of each field; refuse what the tables do not allow."""
        for number, wire_type, value in fields_of(data):
            self._fields += 1
            if self._fields > MAX_GRAPH_FIELDS:
                raise UnsafeGraphError(
                    f"must have at most {MAX_GRAPH_FIELDS} fields; keep weights as raw_data"
                )
            if number not in MESSAGES[kind]:
                raise UnsafeGraphError(f"{kind} has field {number}, which format version 1 does not know")
            name, value_kind = MESSAGES[kind][number]
            if (kind, name) in FORBIDDEN_FIELDS:
                raise UnsafeGraphError(f"{kind}.{name}: {FORBIDDEN_FIELDS[kind, name]}")
            _check_wire_type(f"{kind}.{name}", value_kind, wire_type)
            yield name, value_kind, value


def _check_wire_type(where: str, value_kind: str, wire_type: int) -> None:
    """Refuse a field that protobuf readers would take for something else."""
    is_payload = wire_type == LENGTH
    if value_kind != NUMBERS and is_payload != (value_kind != NUMBER):
        raise ValueError(f"{where} must not have wire type {wire_type}")


def _check(message: _Message) -> None:
    """Refuse what no message of this kind may say."""
    if message.kind == "TensorProto" and any(message.numbers("data_location")):
        raise UnsafeGraphError(
            f"tensor {_name_of(message)} {FORBIDDEN_FIELDS['TensorProto', 'external_data']}"
        )
    if message.kind in {"NodeProto", "OperatorSetIdProto"}:
        for domain in message.texts("domain"):
            if domain not in _STANDARD_DOMAINS:
                raise UnsafeGraphError(
                    f"operators must be of the standard domain, got domain {shorten(domain)}"
                )
    if message.kind == "NodeProto":
        for op in message.texts("op_type"):
            if op in FORBIDDEN_OPS:
                raise UnsafeGraphError(f"operator {op} is not allowed: no random operators, no control flow")
            if op in VARIADIC_OPS and "" in (*message.texts("input"), *message.texts("output")):
                raise UnsafeGraphError(
                    f"operator {op} must have all its inputs and outputs, got one of no name"
                )
            if op == "Split":
                _check_split(message)


def _check_split(node: _Message) -> None:
    """Refuse another number of outputs than the operator is told: onnxruntime ends the process over it."""
    outputs = len(node.texts("output"))
    for attribute in node.messages("attribute"):
        told = attribute.numbers("i") if "num_outputs" in attribute.texts("name") else []
        if any(number != outputs for number in told):
            raise UnsafeGraphError(f"operator Split must have as many outputs as it says, got {outputs}")


def _name_of(message: _Message) -> str:
    """Return the message's name, for messages."""
    return shorten("".join(message.texts("name")[-1:]))


def _tensor_info(value: _Message) -> TensorInfo:
    """Return name, dtype and shape of a graph's input or output."""
    tensors = [tensor for kind in value.messages("type") for tensor in kind.messages("tensor_type")]
    shapes = [shape for tensor in tensors for shape in tensor.messages("shape")]
    dtypes = [_DTYPES.get(number, "") for tensor in tensors for number in tensor.numbers("elem_type")]
    if len(shapes) != 1 or dtypes not in (["float32"], ["int32"]):
        raise ValueError(f"{_name_of(value)} must be a float32 or int32 tensor with a shape")
    sides = tuple(_side(side, _name_of(value)) for side in shapes[0].messages("dim"))
    dtype: Dtype = "float32" if dtypes == ["float32"] else "int32"
    return TensorInfo(name="".join(value.texts("name")), dtype=dtype, shape=sides)


def _side(side: _Message, name: str) -> int | str:
    """Return the length of one side of a tensor, or the name of a free one."""
    found: list[int | str] = [*side.numbers("dim_value"), *side.texts("dim_param")]
    if len(found) != 1 or found == [""]:
        raise ValueError(f"{name}: each side must have either a length or a name")
    if isinstance(found[0], int) and not 1 <= found[0] <= MAX_SIDE:
        raise ValueError(f"{name}: the length of a side must be in [1, {MAX_SIDE}], got {found[0]}")
    return found[0]
