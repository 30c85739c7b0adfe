from __future__ import annotations

import asyncio
import inspect
import math
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest

from augment import errors
from augment_client import (
    AsyncClient,
    BundleUnusableError,
    CallCancelledError,
    Client,
    ClientError,
    ColumnNotFoundError,
    DeadlineError,
    InvalidArrowError,
    InvalidRecordsError,
    InvalidRequestError,
    ModelNotFoundError,
    NotFoundError,
    Reason,
    ServerError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
    VersionNotFoundError,
)
from augment_client.failures import error_of
from augment_proto.errors import ArrowFormatError, ArrowLimitError
from augment_server.status import TooLargeError as TooLargeHere
from tests.server.running import threaded_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from tests.server.running import ServerThread

VIOLATION = errors.Violation("columns.größe.rows[17]", "must be a number", "'x'", "Cast it")
CLASSES: dict[type[Exception], type[ClientError]] = {
    errors.InvalidInputError: InvalidRequestError,
    errors.RequestError: InvalidRequestError,
    TooLargeHere: TooLargeError,
    errors.RecordsError: InvalidRecordsError,
    errors.SchemaError: InvalidRecordsError,
    errors.DataFileError: InvalidRecordsError,
    ArrowFormatError: InvalidArrowError,
    ArrowLimitError: TooLargeError,
    errors.ModelNotFoundError: ModelNotFoundError,
    errors.VersionNotFoundError: VersionNotFoundError,
    errors.ColumnNotFoundError: ColumnNotFoundError,
    errors.UnsupportedError: UnsupportedOperationError,
    errors.BundleError: BundleUnusableError,
    errors.BundleCorruptError: BundleUnusableError,
    errors.GraphError: ServerError,
    errors.BundleVersionError: BundleUnusableError,
    errors.BundleUnsafeError: BundleUnusableError,
    errors.PublishError: ServerError,
    errors.NothingLearntError: ServerError,
    errors.TrainingError: ServerError,
    errors.ClusterError: ServerError,
    errors.GateError: ServerError,
    errors.StepError: ServerError,
    errors.ExportError: ServerError,
    errors.NotFoundError: ServerError,
    errors.AugmentError: ServerError,
    KeyError: ServerError,
}


def example(kind: type[Exception]) -> Exception:
    if issubclass(kind, errors.InvalidInputError):
        return kind(VIOLATION, VIOLATION)
    if issubclass(kind, ArrowFormatError):
        return kind("must not be compressed", "zstd")
    if issubclass(kind, errors.NotFoundError):
        return kind("größe", ("age", "city"))
    if issubclass(kind, errors.GraphError):
        return kind("/secret/1", "graph 'score' gave NaN", "secret")
    if issubclass(kind, errors.BundleError):
        return kind("/secret/1", "secret")
    return kind("secret" if CLASSES[kind] is ServerError else "model tiny/1 cannot fly")


class Raising:
    """A registry whose models are named after the error that they raise."""

    begin_lending: Any = None

    def models(self) -> list[Any]:
        """Nothing is served."""
        return []

    def on_change(self, listener: Any) -> None:
        """Nothing changes."""
        del listener

    def missing(self, name: str, version: int) -> None:
        """Nothing has to be loaded."""

    def get(self, name: str, version: int) -> Any:  # noqa: ARG002 - as a registry has it
        """Raise the error called `name`."""
        raise next(example(kind) for kind in CLASSES if kind.__name__ == name)


@pytest.fixture(scope="module")
def raising(models_dir: Path) -> Any:
    """A real server that answers with the error that is asked for."""
    with threaded_server(models_dir, Raising()) as server:
        yield server


def caught(call: Callable[[], Any]) -> Any:
    with pytest.raises(ClientError) as raised:
        call()
    return raised.value


def test_every_domain_error_is_listed_here() -> None:
    """No error of the library was forgotten."""
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)}
    assert kinds <= set(CLASSES)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_domain_error_arrives_as_its_own_class(raising: ServerThread, kind: type[Exception]) -> None:
    """From the server over a real wire to both clients: class, reason, fields, id; and no secret."""
    with Client(raising.target) as client:
        error = caught(lambda: client.model(kind.__name__))
    assert type(error) is CLASSES[kind]
    assert error.refusal.reason is CLASSES[kind].reason
    assert len(error.request_id) == 32
    assert "secret" not in str(error)
    if isinstance(error, InvalidRequestError) and issubclass(kind, errors.InvalidInputError):
        assert [(v.field, v.rule, v.value, v.remedy) for v in error.violations] == [
            (VIOLATION.field, VIOLATION.rule, VIOLATION.value, VIOLATION.remedy)
        ] * 2
        assert (error.field, error.rule, error.value) == (VIOLATION.field, VIOLATION.rule, VIOLATION.value)
    if isinstance(error, NotFoundError):
        assert (error.name, error.available) == ("größe", ("age", "city"))

    async def asked() -> ClientError:
        async with AsyncClient(raising.target) as other:
            with pytest.raises(ClientError) as raised:
                await other.model(kind.__name__)
            return raised.value

    also = asyncio.run(asked())
    assert (type(also), str(also)[:20]) == (type(error), str(error)[:20])


def test_a_callers_mistake_is_also_pythons_own_class(raising: ServerThread) -> None:
    """ValueError for input, LookupError for names: code that knows Python catches them."""
    with Client(raising.target) as client:
        for kind in CLASSES:
            error = caught(partial(client.generate, kind.__name__, 1))
            assert isinstance(error, ValueError) == isinstance(error, InvalidRequestError)
            assert isinstance(error, LookupError) == isinstance(error, NotFoundError)


BAD_NUMBERS = [0, -1, 2**63, 1.0, math.nan, True, np.float64(3), np.bool_(1), np.array([1, 2]), "5", None]


@pytest.mark.parametrize("rows", BAD_NUMBERS, ids=repr)
def test_bad_rows_are_refused_before_anything_is_sent(rows: Any) -> None:
    """No server is needed to say that rows must be a positive integer, and the field is named."""
    with Client("localhost:1") as client:
        error = caught(lambda: client.generate("tiny", rows))
    assert type(error) is InvalidRequestError
    assert error.field == "rows"
    assert error.rule == f"must be an integer in [1, {2**63 - 1}]"
    assert error.value == repr(rows)
    assert error.reason is Reason.INVALID_REQUEST


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("seed", lambda c: c.generate("tiny", 1, seed=math.nan)),
        ("seed", lambda c: c.generate("tiny", 1, seed=-1)),
        ("seed", lambda c: c.generate("tiny", 1, seed=2**64)),
        ("offset", lambda c: c.generate("tiny", 1, offset=-1)),
        ("offset", lambda c: c.generate("tiny", 1, offset=1.5)),
        ("sampler", lambda c: c.generate("tiny", 1, sampler=7)),
        ("version", lambda c: c.generate("tiny", 1, version=0)),
        ("conditions", lambda c: c.generate("tiny", 1, conditions="age > 3")),
        ("conditions", lambda c: c.generate("tiny", 1, conditions=3)),
        ("conditions[1]", lambda c: c.generate("tiny", 1, conditions=["age > 3", 7])),
        ("conditions[0]", lambda c: c.generate("tiny", 1, conditions={3: 4})),
        ("conditions[0]", lambda c: c.generate("tiny", 1, conditions={"age": ()})),
        ("conditions[0]", lambda c: c.generate("tiny", 1, conditions={"age": (None, None)})),
        ("conditions[1]", lambda c: c.generate("tiny", 1, conditions=["age > 3", {"age": []}])),
        ("conditions[0]", lambda c: c.generate("tiny", 1, conditions={"age": b"3"})),
        ("conditions[0]", lambda c: c.generate("tiny", 1, conditions=["city = \ud800"])),
        ("balance", lambda c: c.generate("tiny", 1, balance=3)),
        ("balance", lambda c: c.generate("tiny", 1, balance="")),
        ("balance", lambda c: c.generate("tiny", 1, balance={"city": {"Bern": 2}})),
        ("balance", lambda c: c.generate("tiny", 1, balance={"city": {}})),
        ("balance", lambda c: c.generate("tiny", 1, balance={"a": {"b": 1}, "c": {"d": 1}})),
        ("steps", lambda c: c.generate("tiny", 1, steps=0)),
        ("steps", lambda c: c.generate("tiny", 1, steps=True)),
        ("version", lambda c: c.model("tiny", version="1")),
        ("model", lambda c: c.model("")),
        ("model", lambda c: c.generate(None, 1)),
        ("threshold", lambda c: c.denoise("tiny", {"age": 1}, threshold=math.nan)),
        ("threshold", lambda c: c.denoise("tiny", {"age": 1}, threshold=1.1)),
        ("threshold", lambda c: c.denoise("tiny", {"age": 1}, threshold=True)),
        ("steps", lambda c: c.interpolate("tiny", {"age": 1}, {"age": 2}, steps=1)),
        ("steps", lambda c: c.interpolate("tiny", {"age": 1}, {"age": 2}, steps=2.0)),
        ("method", lambda c: c.interpolate("tiny", {"age": 1}, {"age": 2}, method="cubic")),
        ("method", lambda c: c.interpolate("tiny", {"age": 1}, {"age": 2}, method=[])),
        ("end", lambda c: c.interpolate("tiny", [{"age": 1}], [{"age": 1}] * 2)),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_sent(
    field: str, call: Callable[[Client], Any]
) -> None:
    """Each parameter's own rule is checked without a server."""
    with Client("localhost:1") as client:
        error = caught(lambda: call(client))
    assert isinstance(error, InvalidRequestError)
    assert error.field == field
    assert error.rule.startswith("must ")


def test_integers_of_numpy_are_integers(client: Client) -> None:
    """What numpy calls an integer is taken for rows, seed and offset."""
    table = client.generate("tiny", np.int32(3), seed=np.uint64(2**63), offset=np.int64(1))  # type: ignore[arg-type]  # duck-typed on purpose
    assert table.equals(client.generate("tiny", 3, seed=2**63, offset=1))


def test_the_rule_is_the_servers_own(client: Client, server: ServerThread) -> None:
    """What the client refuses by itself it refuses in the words, fields and class of the server."""
    from grpc_status import rpc_status  # noqa: PLC0415

    from augment_proto.refusal import unpack  # noqa: PLC0415 - this test alone looks into the wire
    from augment_proto.v1 import augment_pb2 as pb  # noqa: PLC0415

    with pytest.raises(grpc.RpcError) as raised:
        server.call("Generate", pb.GenerateRequest(model="tiny", rows=0))
    call: Any = raised.value
    here = caught(lambda: client.generate("tiny", 0))
    assert unpack(rpc_status.from_call(call)).violations == here.violations
    assert type(error_of(call)) is type(here)


def test_real_mistakes_over_the_wire(client: Client, table: pa.Table) -> None:
    """Unknown model, version, sampler, column and wrong types name what is wrong and what there is."""
    assert caught(lambda: client.generate("adult", 1)).available == ("tiny",)
    assert caught(lambda: client.encode("adult", table)).name == "adult"
    version = caught(lambda: client.generate("tiny", 1, version=7))
    assert (type(version), version.name, version.available) == (VersionNotFoundError, "tiny/7", ("1",))
    assert caught(lambda: client.generate("tiny", 1, sampler="magic")).field == "sampler"
    old = caught(lambda: client.generate("tiny", 1, conditions=["age > 20", {"city": "Bern", "age": 200}]))
    assert (old.field, old.rule) == ("conditions[2]", "must be possible")
    assert "age has values from 18 to 73" in old.violations[0].remedy
    assert "Zürich" in str(caught(lambda: client.generate("tiny", 1, conditions={"city": "Zurich"})))
    assert caught(lambda: client.generate("tiny", 1, balance={"city": {"Bern": 0.5}})).field == "balance"
    vae = caught(lambda: client.generate("tiny", 1, sampler="vae", balance="target"))
    assert type(vae) is UnsupportedOperationError
    assert "samplers that can: denoiser" in str(vae)
    assert caught(lambda: client.denoise("tiny", {"shoe": 1})).field == "columns.shoe"
    assert caught(lambda: client.encode("tiny", {"age": 1})).field.startswith("columns.")
    assert caught(lambda: client.denoise("tiny", {"age": "old"})).field == "columns.age"
    assert caught(lambda: client.denoise("tiny", [{"age": 1}, {"age": 1.5}])).field == "columns.age.rows[1]"
    assert caught(lambda: client.decode("tiny", {"latent_0": 1.0})).field == "latent"
    assert caught(lambda: client.encode("tiny", table.slice(0, 0))).field == "records"
    assert caught(lambda: client.generate("tiny", 2**62, offset=2**62 * 2 - 2)).field == "rows"


def test_a_bundle_that_broke_is_told_as_such(tiny_bundle: Path, tmp_path: Path) -> None:
    """An older version whose bytes changed is BundleUnusable, and the newest one is served on."""
    for version in "12":
        shutil.copytree(tiny_bundle, tmp_path / "tiny" / version)
    graph = tmp_path / "tiny" / "1" / "decode.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    with threaded_server(tmp_path) as server, Client(server.target) as client:
        assert client.generate("tiny", 1).num_rows == 1
        error = caught(lambda: client.generate("tiny", 1, version=1))
    assert type(error) is BundleUnusableError
    assert str(tmp_path) not in str(error)


def test_nobody_there_is_unavailable_and_a_connection_error() -> None:
    """A port where nobody listens gives UnavailableError, after the retries, for unary and stream."""
    with Client("localhost:1") as client:
        for call in (client.models, lambda: client.generate("tiny", 1)):
            error = caught(call)
            assert type(error) is UnavailableError
            assert isinstance(error, ConnectionError)
            assert error.request_id == ""


async def test_an_encrypted_channel_trusts_no_plain_server(server: ServerThread) -> None:
    """With credentials both clients speak TLS: a plain server is nobody to them."""
    credentials = grpc.ssl_channel_credentials()
    with Client(server.target, channel_credentials=credentials) as client:
        assert type(caught(client.models)) is UnavailableError
    async with AsyncClient(server.target, channel_credentials=credentials) as other:
        with pytest.raises(UnavailableError):
            await other.models()


def test_too_late_is_a_deadline_error_and_a_timeout(
    client: Client, server: ServerThread, table: pa.Table
) -> None:
    """`timeout_s` of a call and of a client bound how long an answer may take.

    The call takes long enough: gRPC rounds to milliseconds, in which a quick answer may still come.
    """
    error = caught(lambda: client.generate("tiny", 100_000_000, timeout_s=0.2))
    assert type(error) is DeadlineError
    assert isinstance(error, TimeoutError)
    with Client(server.target, timeout_s=0.001) as hasty:
        error = caught(lambda: hasty.interpolate("tiny", table[:1], table[1:2], steps=10_000))
        assert type(error) is DeadlineError


def test_a_closed_stream_is_cancelled(client: Client) -> None:
    """Reading on after `close` is an error, not an end: rows are missing."""
    stream = client.generate_batches("tiny", 10_000_000)
    next(stream)
    stream.close()
    error = caught(lambda: list(stream))
    assert type(error) is CallCancelledError


def test_a_message_that_the_server_will_not_take_is_too_large(models_dir: Path, table: pa.Table) -> None:
    """What gRPC itself refuses as too large has no details, and is still TooLargeError."""
    with (
        threaded_server(models_dir, max_request_bytes=2000) as server,
        Client(server.target) as client,
    ):
        assert type(caught(lambda: client.denoise("tiny", table))) is TooLargeError


def test_details_that_contradict_the_status_are_not_trusted() -> None:
    """A status code that its details do not repeat leaves the code alone to decide."""

    class Lying(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.NOT_FOUND

        def details(self) -> str:
            return "gone"

        def trailing_metadata(self) -> Any:
            return (("grpc-status-details-bin", b"\xff\xff"),)

    assert type(error_of(Lying())) is NotFoundError
    assert type(error_of(grpc.RpcError())) is ServerError


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf"), True, "1"])
def test_a_timeout_that_is_no_time_is_refused(client: Client, timeout_s: Any) -> None:
    """Zero, negative, NaN and infinite limits are the caller's mistake, of a call and of a client."""
    for call in (
        lambda: client.models(timeout_s=timeout_s),
        lambda: client.generate("tiny", 1, timeout_s=timeout_s),
        lambda: Client("localhost:1", timeout_s=timeout_s),
    ):
        with pytest.raises(InvalidRequestError, match="timeout_s must be a number of seconds"):
            call()
