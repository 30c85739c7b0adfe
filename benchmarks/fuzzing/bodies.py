"""Bodies for every method of every service: messages filled at random, then mutated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from augment_proto.v1 import admin_pb2, augment_pb2
from fuzzing.bundles import NAME
from fuzzing.mutation import NUMBERS, mutated

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

__all__ = ["Method", "body", "methods"]

_DEPTH = 6
_STREAMS = {"DenoiseStream", "ServerReflectionInfo"}
_TEXTS = (
    "",
    NAME,
    f"{NAME}@stable",
    "@",
    "..",
    "../../etc/passwd",
    "a" * 5000,
    "nul\0",
    "\u202e\ufeff",
    "vae",
    "denoiser",
    "mean",
    "age",
    "city = Graz",
    "age in 30..40",
    "age > 1e999",
    "income in " + "9" * 4000 + "..1",
    "sex in {" + "x," * 1000 + "}",
    "city: Graz=0.5, Porto=0.5",
    "age is missing",
    "day in 0000-99-99..",
)
_ROWS = (0, 1, 1, 2, 5, 300, 2**62, 2**64 - 1)
_FLOATS = (0.0, -1.0, 0.5, 1.0, float("nan"), float("inf"), -float("inf"), 1e300, 5e-324)
_INTEGERS = {
    FieldDescriptor.TYPE_INT32: 31,
    FieldDescriptor.TYPE_INT64: 63,
    FieldDescriptor.TYPE_UINT32: 32,
    FieldDescriptor.TYPE_UINT64: 64,
    FieldDescriptor.TYPE_ENUM: 31,
}


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes:
        path: As gRPC names it.
        kind: Its request.
        streams: Whether several requests may be sent.
        admin: Whether it is on the operator's listener.
        endless: Whether it goes on answering.
    """

    path: str
    kind: Descriptor
    streams: bool = False
    admin: bool = False
    endless: bool = False


def methods() -> list[Method]:
    """Return every method of every service that a server has."""
    files = (augment_pb2, admin_pb2, health_pb2, reflection_pb2)
    return [
        Method(
            f"/{service.full_name}/{method.name}",
            method.input_type,
            streams=method.name in _STREAMS,
            admin=file is admin_pb2,
            endless=method.name == "Watch",
        )
        for file in files
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


def body(method: Method, chance: random.Random, streams: Sequence[bytes], model: str = NAME) -> bytes:
    """Return a body: half of them as they were built, the others mutated.

    Args:
        method: For which method.
        chance: Decides.
        streams: Arrow streams for its bytes.
        model: The model that is asked for most often.
    """
    if chance.random() < 0.1:  # noqa: PLR2004 - some are of chance alone
        return chance.randbytes(chance.randrange(200))
    message = _built(method.kind, chance, streams, model, 0)
    data = message.SerializeToString()
    return data if chance.random() < 0.5 else mutated(data, chance, streams)  # noqa: PLR2004 - half of them


def _built(
    kind: Descriptor, chance: random.Random, streams: Sequence[bytes], model: str, depth: int
) -> Message:
    """Return a message with most of its fields set."""
    message = message_factory.GetMessageClass(kind)()
    share = 0.3 if kind.name == "GenerateRequest" else 0.6
    for field in kind.fields:
        usual = field.name in {"model", "records", "start", "end", "latent", "rows", "content"}
        if depth < _DEPTH and chance.random() < (0.95 if usual else share):
            _fill(message, field, chance, streams, model, depth)
    return message


def _fill(
    message: Any, field: Any, chance: random.Random, streams: Sequence[bytes], model: str, depth: int
) -> None:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        parts = [
            _built(field.message_type, chance, streams, model, depth + 1)
            for _ in range(chance.choice((1, 1, 3)) if field.is_repeated else 1)
        ]
        if field.is_repeated:
            getattr(message, field.name).extend(parts)
        else:
            getattr(message, field.name).CopyFrom(parts[0])
    elif field.is_repeated:
        getattr(message, field.name).extend(_value(field, chance, streams, model) for _ in range(2))
    else:
        setattr(message, field.name, _value(field, chance, streams, model))


def _value(field: Any, chance: random.Random, streams: Sequence[bytes], model: str) -> Any:
    if field.type == FieldDescriptor.TYPE_BYTES:
        data = chance.choice(streams[:3])
        return data if chance.random() < 0.4 else mutated(data, chance, streams)  # noqa: PLR2004 - most are not
    if field.type == FieldDescriptor.TYPE_STRING:
        named = field.name in {"model", "service"} and chance.random() < 0.85  # noqa: PLR2004 - most get in
        return model if named else chance.choice(_TEXTS)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return chance.random() < 0.5  # noqa: PLR2004 - a coin
    if field.type in {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE}:
        return chance.choice(_FLOATS)
    if field.name == "rows":
        return chance.choice(_ROWS)  # what is allowed and takes long is no finding
    bits = _INTEGERS[field.type]
    plain = field.name in {"version", "steps", "draws", "rows"} and chance.random() < 0.8  # noqa: PLR2004 - likewise
    return chance.choice((0, 1, 2, 5)) if plain else chance.choice(NUMBERS) % 2**bits
