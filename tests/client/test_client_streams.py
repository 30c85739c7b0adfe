from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from augment_client import AsyncRecordStream, ProtocolError, RecordStream, responses
from augment_client.batches import BatchReader
from augment_client.patience import Patience
from augment_client.replicas import Line, Replicas
from augment_proto.arrow import to_ipc
from augment_proto.v1 import augment_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.running import ServerThread

REQUEST = pb.GenerateRequest(model="tiny", rows=9000, seed=1, offset=3)


@pytest.fixture(scope="module")
def messages(server: ServerThread) -> list[pb.GenerateResponse]:
    """A real answer: a header and more than two chunks."""
    answer = server.call("Generate", REQUEST, pb.GenerateResponse.FromString)
    assert len(answer) > 3
    return list(answer)


def read(messages: list[pb.GenerateResponse]) -> int:
    reader = BatchReader(REQUEST, messages[0])
    rows: int = sum(batch.num_rows for message in messages[1:] for batch in reader.read(message))
    reader.finish()
    return rows


def changed(message: pb.GenerateResponse, **fields: Any) -> pb.GenerateResponse:
    copy = pb.GenerateResponse()
    copy.CopyFrom(message)
    part: Any = copy.header if copy.HasField("header") else copy.chunk
    for name, value in fields.items():
        setattr(part, name, value)
    return copy


def test_an_unbroken_stream_is_read_to_its_end(messages: list[pb.GenerateResponse]) -> None:
    """All rows of a real answer are read."""
    assert read(messages) == 9000


OTHER = bytes(pa.schema([("shoe", pa.int64())]).serialize())
BREAKS: dict[str, Callable[[list[pb.GenerateResponse]], list[pb.GenerateResponse]]] = {
    "the end is missing": lambda m: m[:-1],
    "a chunk is missing": lambda m: [m[0], m[1], *m[3:]],
    "a chunk came twice": lambda m: [m[0], m[1], m[1], *m[2:]],
    "chunks are swapped": lambda m: [m[0], m[2], m[1], *m[3:]],
    "a header in between": lambda m: [m[0], m[1], m[0], *m[2:]],
    "no header": lambda m: m[1:],
    "rows that are not there": lambda m: [m[0], changed(m[1], row_count=m[1].chunk.row_count + 1), *m[2:]],
    "bytes cut off": lambda m: [m[0], changed(m[1], ipc=m[1].chunk.ipc[:-8]), *m[2:]],
    "no Arrow": lambda m: [m[0], changed(m[1], ipc=b"\xff" * 99), *m[2:]],
    "another model": lambda m: [changed(m[0], model="adult"), *m[1:]],
    "another seed": lambda m: [changed(m[0], seed=2), *m[1:]],
    "another offset": lambda m: [changed(m[0], offset=0), *m[1:]],
    "no schema": lambda m: [changed(m[0], ipc=b""), *m[1:]],
    "no result schema": lambda m: [changed(m[0], result_schema=b"x"), *m[1:]],
    "a result schema of others": lambda m: [changed(m[0], result_schema=OTHER), *m[1:]],
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_stream_is_an_error(messages: list[pb.GenerateResponse], name: str) -> None:
    """Rows lost, rows twice, and bytes that are not what they should be are never passed on."""
    with pytest.raises(ProtocolError):
        read(BREAKS[name](messages))


def test_flags_of_other_cells_are_an_error(server: ServerThread) -> None:
    """A denoised table without a flag and a confidence for each of its cells is not passed on."""
    records = to_ipc(pa.table({"age": [30, 40]}))
    request = pb.DenoiseRequest(model="tiny", records=records)
    answer = server.call("Denoise", request, pb.DenoiseResponse.FromString)
    assert responses.denoised(answer).records.num_rows == 2
    for change in ({"changed": records}, {"confidence": b"x"}, {"result_schema": b""}):
        broken = pb.DenoiseResponse()
        broken.CopyFrom(answer)
        for name, value in change.items():
            setattr(broken, name, value)
        with pytest.raises(ProtocolError):
            responses.denoised(broken)


class Ended:
    """A call that ended before it said anything."""

    def __next__(self) -> pb.GenerateResponse:
        raise StopIteration

    async def read(self) -> Any:
        """Nothing comes."""
        from grpc.aio import EOF  # noqa: PLC0415 - where it is used

        return EOF

    def cancel(self) -> None:
        """Nothing runs."""


class EndedLine(Line):
    """Opens calls that end at once."""

    def open(self, request: Any) -> Any:  # noqa: ARG002
        """Return such a call."""
        return Ended()


async def test_a_stream_without_a_header_is_an_error() -> None:
    """An answer of no messages at all is no empty table."""
    line = EndedLine(Replicas((), lambda _: None), "Generate")
    with pytest.raises(ProtocolError):
        RecordStream(REQUEST, line, Patience())
    with pytest.raises(ProtocolError):
        await AsyncRecordStream(REQUEST, line, Patience()).info()
