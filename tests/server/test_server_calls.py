from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from structlog.testing import capture_logs

from augment_proto.arrow import from_ipc, to_ipc
from augment_proto.reasons import SERVICE, Reason
from augment_proto.refusal import Refusal, unpack
from augment_proto.v1 import augment_pb2 as pb
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
    from tests.server.running import ServerThread


def refused(call: Callable[[], Any]) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    failed: Any = caught.value
    status = rpc_status.from_call(failed)
    assert status is not None, caught.value
    return unpack(status)


@pytest.mark.parametrize("name", ["", SERVICE, "tiny"])
def test_health_is_told_for_the_server_the_service_and_each_model(server: ServerThread, name: str) -> None:
    """The standard health service says SERVING for what is served, and NOT_FOUND for what is not."""
    request = health_pb2.HealthCheckRequest(service=name)
    read = health_pb2.HealthCheckResponse.FromString
    answer = server.call("Check", request, read, "grpc.health.v1.Health")
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        server.call("Check", health_pb2.HealthCheckRequest(service="adult"), read, "grpc.health.v1.Health")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_names_the_services(server: ServerThread) -> None:
    """A client without our stubs can ask what there is."""
    with grpc.insecure_channel(server.target) as channel:
        stub: Any = cast("Any", reflection_pb2_grpc).ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = next(iter(stub.ServerReflectionInfo(iter([asked]))))
        names = {service.name for service in answer.list_services_response.service}
        assert {SERVICE, "grpc.health.v1.Health"} <= names


def test_a_body_that_is_no_message_is_the_callers_mistake(server: ServerThread) -> None:
    """Bytes of chance in place of a request are refused with a reason, for unary and streamed methods."""
    for method in ("Denoise", "Generate"):
        told = refused(partial(server.call, method, b"\xff\xff\xff"))
        assert told.reason is Reason.INVALID_REQUEST
        assert told.violations[0].field == "request"


def test_a_body_that_is_no_message_is_the_callers_mistake_of_other_services_too(server: ServerThread) -> None:
    """Health and reflection refuse it as well, where gRPC by itself would say UNKNOWN and what was raised."""
    for path in (
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ):
        for body in (b"\xff\xff\xff", b"\x0a\x02\xff\xfe"):
            with grpc.insecure_channel(server.target) as channel:
                call: Any = channel.stream_stream(path)
                answers = call(iter([body]), timeout=30)
                with pytest.raises(grpc.RpcError):
                    list(answers)
                assert answers.code() is grpc.StatusCode.INVALID_ARGUMENT, path
                assert "must be a message of this method" in answers.details()


def test_an_unknown_method_is_unimplemented(server: ServerThread) -> None:
    """A method that is not there is gRPC's own UNIMPLEMENTED."""
    with pytest.raises(grpc.RpcError) as caught:
        server.call("Fly", b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_unary_answers_are_those_of_the_model_and_not_one_more(
    stub: AugmentServiceStub, table: pa.Table
) -> None:
    """An interpolation of more records than one call may have, or of an unknown kind, is refused."""
    row = to_ipc(table.slice(0, 1))
    request = pb.InterpolateRequest(model="tiny", start=row, end=row, steps=3)
    assert from_ipc(stub.Interpolate(request).records).num_rows == 3
    for change, field, reason in (
        ({"steps": 70_000}, "steps", Reason.TOO_LARGE),
        ({"steps": 1}, "steps", Reason.INVALID_REQUEST),
        ({"method": 7}, "method", Reason.INVALID_REQUEST),
        ({"model": ""}, "model", Reason.INVALID_REQUEST),
        ({"end": b"x" * 50}, "end", Reason.INVALID_ARROW),
        ({"start": b""}, "start", Reason.INVALID_ARROW),
        ({"end": to_ipc(table.slice(0, 2))}, "end", Reason.INVALID_RECORDS),
    ):
        wrong = pb.InterpolateRequest()
        wrong.CopyFrom(request)
        wrong.MergeFrom(pb.InterpolateRequest(**change))
        if "model" in change:
            wrong.ClearField("model")
        if "start" in change:
            wrong.ClearField("start")
        told = refused(partial(stub.Interpolate, wrong))
        assert (told.violations[0].field, told.reason) == (field, reason)


def test_made_up_identifiers_go_on_from_call_to_call(stub: AugmentServiceStub, table: pa.Table) -> None:
    """Records sent in two calls have the identifiers of one, and a caller's own are left alone."""
    nameless = table.drop_columns(["key"])
    for request in (pb.DenoiseRequest(model="tiny"), pb.ReconstructRequest(model="tiny")):
        keys = [
            key
            for start, rows in ((0, 10), (0, 4), (4, 6))
            for key in keys_of(stub, request, nameless.slice(start, rows), start)
        ]
        assert keys[:10] == keys[10:]
        assert len(set(keys)) == 10
    own = keys_of(stub, pb.DenoiseRequest(model="tiny"), table.slice(5, 3), 5)
    assert own == table["key"].to_pylist()[5:8]


def keys_of(
    stub: AugmentServiceStub,
    request: pb.DenoiseRequest | pb.ReconstructRequest,
    records: pa.Table,
    first_row: int,
) -> list[str]:
    request.records, request.first_row = to_ipc(records), first_row
    call: Any = stub.Denoise if isinstance(request, pb.DenoiseRequest) else stub.Reconstruct
    return list(from_ipc(call(request).records)["key"].to_pylist())


def test_no_row_is_beyond_the_last_address(stub: AugmentServiceStub, table: pa.Table) -> None:
    """A first row from which the rows would run past 2^63 is refused by name."""
    request = pb.DenoiseRequest(model="tiny", records=to_ipc(table), first_row=2**63 - 100)
    assert refused(partial(stub.Denoise, request)).violations[0].field == "first_row"


def test_limits_are_the_settings(models_dir: Path, table: pa.Table) -> None:
    """Rows of a call, rows of a stream and bytes of a request are bounded by the settings."""
    limits = {"max_rows_per_request": 10, "max_stream_rows": 100, "max_request_bytes": 4096}
    with threaded_server(models_dir, **limits) as server:
        records = to_ipc(table.slice(0, 11).select(["age"]))
        rows = refused(partial(server.call, "Denoise", pb.DenoiseRequest(model="tiny", records=records)))
        assert (rows.reason, rows.violations[0].field) == (Reason.TOO_LARGE, "records")
        many = refused(partial(server.call, "Generate", pb.GenerateRequest(model="tiny", rows=101)))
        assert (many.reason, many.violations[0].field) == (Reason.TOO_LARGE, "rows")
        with pytest.raises(grpc.RpcError) as caught:
            server.call("Encode", pb.EncodeRequest(model="tiny", records=b"x" * 5000))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_stream_has_a_header_then_chunks_that_go_on_from_one_another(stub: AugmentServiceStub) -> None:
    """Header and chunks are one Arrow stream; offsets are absolute; an unset seed is drawn and told."""
    messages = list(stub.Generate(pb.GenerateRequest(model="tiny", rows=9000, offset=77)))
    header, chunks = messages[0].header, [message.chunk for message in messages[1:]]
    assert (header.model, header.version, header.offset, header.rows) == ("tiny", 1, 77, 9000)
    assert header.sampler == "denoiser"
    assert len(chunks) > 1
    row = 77
    for chunk in chunks:
        assert chunk.row_offset == row
        row += chunk.row_count
    assert row == 9077
    again = list(stub.Generate(pb.GenerateRequest(model="tiny", rows=9000, offset=77, seed=header.seed)))
    assert [message.chunk.ipc for message in again[1:]] == [chunk.ipc for chunk in chunks]
    other = next(iter(stub.Generate(pb.GenerateRequest(model="tiny", rows=1))))
    assert other.header.seed != header.seed


def test_a_refusal_carries_the_callers_request_id_and_the_log_line_too(stub: AugmentServiceStub) -> None:
    """A plain id is taken over; one that could forge log lines is replaced."""
    request = pb.GetModelRequest(model="adult")
    with capture_logs() as logs:
        for given, kept in (("my-request-0001", True), ("short", False), ("a; b=c 12345", False)):
            told = refused(partial(stub.GetModel, request, metadata=(("x-request-id", given),)))
            assert (told.request_id == given) is kept
            assert told.metadata["available"] == "tiny"
    calls = [line for line in logs if line.get("method") == "GetModel"]
    assert [line["status"] for line in calls] == ["NOT_FOUND"] * 3
    assert calls[0]["reason"] == "MODEL_NOT_FOUND"
    assert calls[0]["ms"] >= 0


def test_each_call_is_one_log_line(stub: AugmentServiceStub, table: pa.Table) -> None:
    """Method, model, rows, time and status of a call are on one line."""
    with capture_logs() as logs:
        stub.Score(pb.ScoreRequest(model="tiny", records=to_ipc(table)))
    (line,) = [line for line in logs if line.get("method") == "Score"]
    assert (line["method"], line["model"], line["version"]) == ("Score", "tiny", 1)
    assert (line["rows"], line["status"], line["log_level"]) == (240, "OK", "info")


def test_our_own_fault_tells_the_caller_an_id_and_the_log_all(models_dir: Path) -> None:
    """An unexpected exception's text stays here; the caller gets the id that finds it in the log."""

    class Failing:
        """A registry that fails once the server is up."""

        up = False
        begin_lending: Any = None

        def models(self) -> list[Any]:
            if self.up:
                raise ZeroDivisionError("/secret/path")
            return []

        def on_change(self, listener: Any) -> None:
            del listener

    registry = Failing()
    with threaded_server(models_dir, registry) as server, capture_logs() as logs:
        registry.up = True
        told = refused(partial(server.call, "ListModels", b""))
    assert told.reason is Reason.INTERNAL
    assert told.request_id
    assert told.request_id in told.message
    assert "secret" not in repr(told)
    (fault,) = [line for line in logs if line["event"] == "fault"]
    assert isinstance(fault["exc_info"], ZeroDivisionError)


def test_mutated_arrow_bytes_never_hurt_the_server(stub: AugmentServiceStub, table: pa.Table) -> None:
    """400 requests with changed bytes are answered or refused, none as our fault; the server lives."""
    chance = random.Random(11)  # noqa: S311 - a test
    original = to_ipc(table.slice(0, 20))
    refusals = 0
    for number in range(400):
        data = bytearray(original)
        for _ in range(chance.choice((1, 2, 8))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            if number % 2:
                stub.Denoise(pb.DenoiseRequest(model="tiny", records=bytes(data)))
            else:
                stub.Encode(pb.EncodeRequest(model="tiny", records=bytes(data)))
        except grpc.RpcError as error:
            refusals += 1
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error  # noqa: PT017 - both ways are right
    assert 100 < refusals < 400
    assert stub.Encode(pb.EncodeRequest(model="tiny", records=original)).digest


def test_a_call_ends_at_its_deadline(stub: AugmentServiceStub) -> None:
    """A stream that cannot be done in time ends with DEADLINE_EXCEEDED and stops computing."""
    with capture_logs() as logs:
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.Generate(pb.GenerateRequest(model="tiny", rows=500_000_000), timeout=1.0))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        line = wait_for_line(logs)
    assert line["rows"] < 5_000_000


def wait_for_line(logs: list[Any]) -> Any:
    for _ in range(100):
        lines = [line for line in logs if line.get("rows") and line["status"] == "CANCELLED"]
        if lines:
            return lines[0]
        time.sleep(0.05)
    raise AssertionError("no call was logged within 5 s")
