"""What callers are told of failures, and what the log keeps: no paths, no traces, no rows.

Whoever sends a bad value is told the column, the rule and the value, cut to 80 characters. Nothing more of a
row comes back in an error, and nothing of it is in the log.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import threading
from typing import TYPE_CHECKING, Any

import grpc
import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from augment_proto.arrow import to_ipc
from augment_proto.reasons import ADMIN_SERVICE, SERVICE, Reason
from augment_proto.v1 import admin_pb2
from augment_proto.v1 import augment_pb2 as pb
from augment_server import Registry
from tests.bundle.hostile import replace_file
from tests.server.every_method import METHODS, good_requests
from tests.server.running import ServerProcess, settings, threaded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from augment.runtime import Model

SECRET = "SECRET-OF-A-ROW"  # noqa: S105 - a cell
LONG = "seen by whoever sent it " * 4 + SECRET
ODD = "an odd name " * 9
TOKEN = "a-token-of-24-characters"  # noqa: S105 - of this test's server
NEVER = re.compile(
    r"Traceback|File \"|\.py\b|\.pyx|\.cc\b|site-packages|/onnxruntime|augment_server\.|pyarrow\.lib"
    r"|<class |object at 0x|(?:/[\w.+-]+){3,}"
)


@pytest.fixture(scope="module")
def running(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the bundle `tiny`, one beside it that cannot be used, and a port for operators."""
    root = tmp_path_factory.mktemp("told")
    shutil.copytree(models_dir, root / "models")
    broken = root / "models" / "tiny" / "2"
    shutil.copytree(models_dir / "tiny" / "1", broken)
    for file in broken.iterdir():
        file.chmod(0o644)
    replace_file(broken, "encode.onnx", b"\x80" * 50)
    (root / "token").write_text(TOKEN)
    flags = ("--admin-port", "0", "--admin-token-file", str(root / "token"), "--max-rows-per-request", "300")
    process = ServerProcess(root / "models", *flags)
    reading = threading.Thread(target=read_log, args=(process,), daemon=True)
    reading.start()
    yield process
    process.terminate()
    reading.join(60)


def read_log(process: ServerProcess) -> None:
    """Take in the log as it comes: a pipe that nobody reads stops who writes."""
    for line in process._process.stderr or ():
        process.lines.append(json.loads(line))


def bad_records(table: pa.Table) -> dict[str, bytes]:
    """Return streams of records that break one rule each; other cells of them are secrets."""
    rows = table.slice(0, 3)
    cities = pa.array([SECRET, "Bern", None])
    secret = rows.set_column(rows.schema.get_field_index("city"), "city", cities)

    def other(name: str, cells: Any) -> bytes:
        return to_ipc(secret.set_column(secret.schema.get_field_index(name), name, cells))

    unlike = pa.FixedShapeTensorArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), [1, 1]), pa.array([[1.0]] * 3, pa.list_(pa.float32(), 1))
    )
    return {
        "no column": to_ipc(secret.drop_columns(["age"])),
        "a column more": to_ipc(secret.append_column("surplus", pa.array([SECRET] * 3))),
        "text for a number": other("age", pa.array([LONG, SECRET, SECRET])),
        "a number that is none": other("age", pa.array([1.5, float("nan"), float("inf")])),
        "text for a boolean": other("member", pa.array([LONG, SECRET, "x"])),
        "text for a day": other("day", pa.array([LONG, SECRET, SECRET])),
        "text for a time": other("since", pa.array([LONG, SECRET, SECRET])),
        "missing where none may be": other("age", pa.array([None, None, 1], pa.int64())),
        "another image": other("image", unlike),
        "lists for text": other("city", pa.array([[SECRET], [LONG], []])),
        "an unknown zone": to_ipc(rows).replace(b"UTC", b"U\xffC"),
        "too many rows": to_ipc(pa.concat_tables([table, table])),
        "a cut stream": to_ipc(secret)[:-100],
        "garbage": SECRET.encode() * 10,
        "nothing": b"",
    }


def bad_requests(records: bytes, table: pa.Table) -> Iterator[tuple[str, list[Message] | bytes]]:
    """Yield methods and requests, most of which must be refused."""
    for method in METHODS:
        yield method, b"\xff\xff" + SECRET.encode()
    for bad in bad_records(table).values():
        for method, good in good_requests("tiny", bad, bad).items():
            if method not in {"ListModels", "GetModel", "GetServerInfo", "Generate"}:
                yield method, good
    for model in ("", "nobody", "tiny@nobody", ODD, "..", "\u202e"):
        for method, good in good_requests(model, records, records).items():
            if method not in {"ListModels", "GetServerInfo"}:
                yield method, good
    yield from bad_parameters(records)


def bad_parameters(records: bytes) -> Iterator[tuple[str, list[Message] | bytes]]:
    """Yield methods and requests with one parameter out of its range, or of a version that is broken."""
    yield "GetModel", [pb.GetModelRequest(model="tiny", version=2)]
    yield "Encode", [pb.EncodeRequest(model="tiny", version=2, records=records)]
    yield "Encode", [pb.EncodeRequest(model="tiny", version=2**63, records=records)]
    yield "Generate", [pb.GenerateRequest(model="tiny", rows=2**62)]
    yield "Generate", [pb.GenerateRequest(model="tiny", rows=1, sampler=ODD)]
    yield "Generate", [pb.GenerateRequest(model="tiny", rows=1, steps=2**31)]
    yield "Generate", [pb.GenerateRequest(model="tiny", rows=1, offset=2**64 - 1)]
    for text in (f"age in {ODD}..9", f"city = {ODD}", ODD, f"{ODD} = 1", "age > 1e999", "city in {"):
        yield "Generate", [pb.GenerateRequest(model="tiny", rows=1, conditions=[pb.Condition(text=text)])]
    balance = pb.Balance(text=f"city: {ODD}=0.5")
    yield "Generate", [pb.GenerateRequest(model="tiny", rows=1, balance=balance)]
    yield "Interpolate", [pb.InterpolateRequest(model="tiny", start=records, end=records, steps=1)]
    odd = pb.InterpolationMethod.ValueType(9)
    yield (
        "Interpolate",
        [pb.InterpolateRequest(model="tiny", start=records, end=records, steps=2, method=odd)],
    )
    yield "Denoise", [pb.DenoiseRequest(model="tiny", records=records, threshold=7)]
    yield "Denoise", [pb.DenoiseRequest(model="tiny", records=records, numbers=ODD)]
    yield "Denoise", [pb.DenoiseRequest(model="tiny", records=records, draws=10**9)]
    yield "DenoiseStream", [pb.DenoiseStreamRequest(chunk=pb.DenoiseChunk(records=records))]
    yield "DenoiseStream", []
    yield "Fly", b""


def admin_requests() -> Iterator[tuple[str, list[Message] | bytes]]:
    """Yield the operator's methods and what they must refuse."""
    yield "LoadModel", [admin_pb2.LoadModelRequest(model="tiny", version=2)]
    yield "LoadModel", [admin_pb2.LoadModelRequest(model="../tiny", version=1)]
    yield "UnloadModel", [admin_pb2.UnloadModelRequest(model=ODD)]
    yield "SetAlias", [admin_pb2.SetAliasRequest(model="tiny", alias=ODD)]
    yield "SetAlias", [admin_pb2.SetAliasRequest(model="tiny", alias="b", version=2)]
    yield "DeleteAlias", [admin_pb2.DeleteAliasRequest(model="tiny", alias=ODD)]
    yield "SetAlias", b"\xff\xff" + SECRET.encode()


def ended(channel: grpc.Channel, path: str, asked: list[Message] | bytes) -> tuple[grpc.StatusCode, str]:
    """Return how a call ended, and all that was told of a failure: text, details and trailers."""
    bodies = [asked] if isinstance(asked, bytes) else [each.SerializeToString() for each in asked]
    call: Any = channel.stream_stream(path)
    try:
        list(call(iter(bodies), timeout=30, metadata=(("authorization", f"Bearer {TOKEN}"),)))
    except grpc.RpcError as error:
        failed: Any = error
        trailers = [(key, value) for key, value in failed.trailing_metadata() or ()]
        texts = [failed.details() or "", *(f"{key} {_text(value)}" for key, value in trailers)]
        code: grpc.StatusCode = failed.code()
        return code, "\n".join(texts)
    return grpc.StatusCode.OK, ""


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def test_errors_tell_no_paths_no_traces_and_no_rows(running: ServerProcess, table: pa.Table) -> None:
    """Every kind of refusal of every method is free of them, and so is the whole log."""
    records = to_ipc(table.slice(0, 3))
    asked = [(f"/{SERVICE}/{method}", request) for method, request in bad_requests(records, table)]
    with grpc.insecure_channel(running.target) as channel:
        told = [(path, *ended(channel, path, request)) for path, request in asked]
    with grpc.insecure_channel(f"127.0.0.1:{running.ready['admin_port']}") as channel:
        told += [
            (path, *ended(channel, path, request))
            for path, request in ((f"/{ADMIN_SERVICE}/{method}", each) for method, each in admin_requests())
        ]
    faults = [
        line for line in running.lines if line["event"] == "fault" and "Bundle" not in line["exception"]
    ]
    assert not faults
    for path, code, text in told:
        assert code not in {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}, (path, text)
        assert SECRET not in text, (path, text)
        assert not NEVER.search(text), (path, NEVER.search(text), text)
        assert sys.prefix not in text, (path, text)
    failed = [text for _, code, text in told if code is not grpc.StatusCode.OK]
    assert len(failed) > 100
    assert len({code for _, code, _ in told}) >= 5
    log = "\n".join(json.dumps(line, ensure_ascii=False) for line in running.lines)
    assert len(running.lines) > len(failed) - 20
    assert SECRET not in log
    assert LONG[:20] not in re.sub(r'"fields": \[[^]]*\]', "", log)


class Faulty(Registry):
    """A registry that fails as a library might, with what it had at hand in its words."""

    def get(self, name: str, version: int = 0) -> Model:
        """Fail."""
        super().get(name, version)
        raise KeyError(f"/srv/models/{name}/1/encode.onnx", SECRET)


def test_faults_tell_callers_nothing(models_dir: Path, table: pa.Table) -> None:
    """Where the server itself fails, the caller gets a reason and an id, and the log has the rest."""
    records = to_ipc(table.slice(0, 3))
    options = settings(models_dir)
    with (
        capture_logs() as lines,
        threaded_server(models_dir, Faulty.open(options)) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        for method, request in good_requests("tiny", records, records).items():
            if method in {"ListModels", "GetServerInfo"}:
                continue
            code, text = ended(channel, f"/{SERVICE}/{method}", request)
            assert code is grpc.StatusCode.INTERNAL
            assert Reason.INTERNAL in text
            assert SECRET not in text
            assert "encode" not in text
            assert not NEVER.search(text)
    assert any(line["event"] == "fault" for line in lines)
