from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import augment_client
import augment_proto
import augment_server
from augment_client import Client
from tests.server.running import environment

if TYPE_CHECKING:
    from tests.server.running import ServerThread

PUBLIC = {
    "AliasNotFoundError",
    "AsyncClient",
    "AsyncDenoiseStream",
    "AsyncRecordStream",
    "BalanceLike",
    "BundleUnusableError",
    "CallCancelledError",
    "Client",
    "ClientError",
    "ColumnInfo",
    "ColumnNotFoundError",
    "ConditionsLike",
    "DeadlineError",
    "DenoiseStream",
    "Denoised",
    "Draws",
    "InvalidArrowError",
    "InvalidRecordsError",
    "InvalidRequestError",
    "Latents",
    "ModelInfo",
    "ModelNotFoundError",
    "NotAllowedError",
    "NotFoundError",
    "OverloadedError",
    "Predictions",
    "ProtocolError",
    "QuotaExceededError",
    "Reason",
    "Receipt",
    "RecordStream",
    "Records",
    "RecordsLike",
    "Scores",
    "ServerError",
    "ServerInfo",
    "StreamInfo",
    "TooLargeError",
    "UnauthenticatedError",
    "UnavailableError",
    "Unseen",
    "UnsupportedOperationError",
    "VersionInfo",
    "VersionNotFoundError",
    "Violation",
    "tls_credentials",
}


def test_the_public_names_are_these() -> None:
    """Nothing is added to or taken from the client's surface by accident."""
    assert set(augment_client.__all__) == PUBLIC
    named = {name for name in vars(augment_client) if name[0].isupper()}
    assert named == {name for name in PUBLIC if name[0].isupper()}


@pytest.mark.parametrize("package", [augment_client, augment_proto, augment_server], ids=lambda p: p.__name__)
def test_every_module_says_what_it_exports_and_has_it(package: object) -> None:
    """Each name in a module's `__all__` is there."""
    paths, prefix = package.__path__, f"{package.__name__}."  # type: ignore[attr-defined]  # a package
    for info in pkgutil.walk_packages(paths, prefix):
        if "_pb2" in info.name or info.name.endswith(("__main__", ".v1")):
            continue
        module = importlib.import_module(info.name)
        assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_every_error_is_in_the_tree_at_the_top_of_its_file() -> None:
    """The drawing names each class."""
    drawing = augment_client.errors.__doc__ or ""
    names = [name for name in augment_client.errors.__all__ if name.endswith("Error")]
    assert [name for name in names if name not in drawing] == []


def test_clients_are_told_apart_by_their_target() -> None:
    """The representation names the server."""
    with Client("example.com:1") as client:
        assert repr(client) == "Client('example.com:1')"


PROGRAM = """
import sys
blocked = sys.argv[2].split(",")
for name in blocked:
    sys.modules[name] = None
from augment_client import Client
with Client(sys.argv[1]) as client:
    rows = client.generate("tiny", 5, seed=1).num_rows
    rows += client.denoise("tiny", [{"age": 40}, {"city": "Bern"}]).records.num_rows
heavy = ("torch", "onnxruntime", "onnx", "augment", "augment_server", "polars", "sklearn")
print(rows, [name for name in heavy if sys.modules.get(name) is not None])
"""


@pytest.mark.parametrize("blocked", ["augment", "augment,numpy,pandas,polars,torch,onnxruntime"])
def test_the_client_needs_arrow_and_grpc_alone(server: ServerThread, blocked: str) -> None:
    """A client generates and denoises where neither numpy, pandas, torch nor our library can be imported."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, server.target, blocked],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "7 []", done.stderr
