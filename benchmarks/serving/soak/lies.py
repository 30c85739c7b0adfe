"""Clients that lie: requests that are not what they say, each with what it must end in."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from augment_proto.arrow import to_ipc
from augment_proto.reasons import SERVICE
from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.soak.bad import Bad

__all__ = ["lying"]

_METHODS = (
    *("GetModel", "ListModels", "GetServerInfo", "Generate", "Interpolate", "Denoise", "Encode", "Decode"),
    *("Reconstruct", "Score", "Predict"),
)
_REFUSED = "INVALID_ARGUMENT"
_NO_ARROW = (f"{_REFUSED} INVALID_ARROW", f"{_REFUSED} TOO_LARGE")
_ROWS = 77
_UNKNOWN_VERSION = 10**9


def lying(bad: Bad, records: pa.Table, seed: int) -> None:
    """Tell lies of all kinds, one after another."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    good = to_ipc(records)
    with bad.connected() as channel:
        stub: Any = AugmentServiceStub(channel)
        while not bad.stop.wait(0.005):
            told = chance.choice(_LIES)(bad, stub, channel, good, chance)
            bad.told(f"lying: {told[0]}", told[1], *told[2])


_Lie = tuple[str, "Callable[[], object]", tuple[str, ...]]


def _other_columns(bad: Bad, stub: Any, _channel: Any, _good: bytes, _chance: random.Random) -> _Lie:
    request = pb.EncodeRequest(model=bad.model, records=to_ipc(pa.table({"no such column": [1, 2]})))
    return "other columns", lambda: stub.Encode(request), (f"{_REFUSED} INVALID_RECORDS",)


def _other_types(bad: Bad, stub: Any, _channel: Any, _good: bytes, _chance: random.Random) -> _Lie:
    request = pb.DenoiseRequest(model=bad.model, records=to_ipc(pa.table({"age": ["many", "few"]})))
    return "other types", lambda: stub.Denoise(request), (f"{_REFUSED} INVALID_RECORDS",)


def _more_rows_than_bytes(bad: Bad, stub: Any, _channel: Any, _good: bytes, chance: random.Random) -> _Lie:
    honest = to_ipc(pa.table({"age": pa.array([0] * _ROWS, pa.int64())}))
    data = honest.replace(
        struct.pack("<q", _ROWS), struct.pack("<q", chance.choice((_ROWS + 1, 2**40, 2**62)))
    )
    request = pb.ScoreRequest(model=bad.model, records=data)
    return "more rows than bytes", lambda: stub.Score(request), _NO_ARROW


def _cut_short(bad: Bad, stub: Any, _channel: Any, good: bytes, chance: random.Random) -> _Lie:
    request = pb.ReconstructRequest(model=bad.model, records=good[: chance.randrange(1, len(good) - 16)])
    # Between two messages of the stream there is a whole one to be had, without a row.
    expected = (f"{_REFUSED} INVALID_ARROW", f"{_REFUSED} INVALID_RECORDS")
    return "cut short", lambda: stub.Reconstruct(request), expected


def _one_bit(bad: Bad, stub: Any, _channel: Any, good: bytes, chance: random.Random) -> _Lie:
    data = bytearray(good)
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    request = pb.EncodeRequest(model=bad.model, records=bytes(data))
    return "one bit", lambda: stub.Encode(request), ("OK", f"{_REFUSED} INVALID", f"{_REFUSED} TOO_LARGE")


def _too_many(bad: Bad, stub: Any, _channel: Any, _good: bytes, chance: random.Random) -> _Lie:
    request = pb.GenerateRequest(model=bad.model, rows=chance.choice((10**9 + 1, 2**62, 2**63)), offset=2**62)
    return "too many rows", lambda: list(stub.Generate(request)), (_REFUSED,)


def _stale(bad: Bad, stub: Any, _channel: Any, good: bytes, _chance: random.Random) -> _Lie:
    request = pb.EncodeRequest(model=bad.model, version=_UNKNOWN_VERSION, records=good)
    return "a version that is gone", lambda: stub.Encode(request), ("NOT_FOUND VERSION_NOT_FOUND",)


def _garbage(_bad: Bad, _stub: Any, channel: Any, _good: bytes, chance: random.Random) -> _Lie:
    call = channel.unary_stream(f"/{SERVICE}/{chance.choice(_METHODS)}")
    body = b"\x0a\xff" + chance.randbytes(chance.randrange(100))  # a string that is longer than what follows
    return "garbage", lambda: list(call(body)), (f"{_REFUSED} INVALID_REQUEST",)


def _no_body(_bad: Bad, _stub: Any, channel: Any, _good: bytes, chance: random.Random) -> _Lie:
    call = channel.stream_stream(f"/{SERVICE}/{chance.choice((*_METHODS, 'DenoiseStream'))}")
    return "header without body", lambda: list(call(iter(()))), (f"{_REFUSED} INVALID_REQUEST",)


def _no_header(bad: Bad, stub: Any, _channel: Any, good: bytes, _chance: random.Random) -> _Lie:
    del bad
    chunk = pb.DenoiseStreamRequest(chunk=pb.DenoiseChunk(records=good))
    return (
        "chunk without header",
        lambda: list(stub.DenoiseStream(iter([chunk]))),
        (f"{_REFUSED} INVALID_REQUEST",),
    )


def _no_method(_bad: Bad, _stub: Any, channel: Any, good: bytes, _chance: random.Random) -> _Lie:
    call = channel.unary_unary(f"/{SERVICE}/Guess")
    return "no such method", lambda: call(good), ("UNIMPLEMENTED",)


_LIES = (
    *(_other_columns, _other_types, _more_rows_than_bytes, _cut_short, _one_bit, _too_many, _stale, _garbage),
    *(_no_body, _no_header, _no_method),
)
