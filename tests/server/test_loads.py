"""Versions that are loaded because a call asks for them: it waits, and nobody else does."""

from __future__ import annotations

import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import yaml

from augment.errors import VersionNotFoundError
from augment.runtime import Model
from augment_client import Client, DeadlineError, NotAllowedError, OverloadedError
from augment_client import VersionNotFoundError as VersionNotThereError
from augment_proto.arrow import to_ipc
from augment_server import Registry
from augment_server.hosting.loads import MOST_LOADS_OF_ONE
from augment_server.principals import hash_of
from tests.server.every_method import METHODS, answers, good_requests
from tests.server.running import settings, threaded_server
from tests.server.versions import copied, states

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from tests.server.running import ServerThread

SERVED = 9
NAMELESS = {"ListModels", "GetServerInfo"}


class Loader:
    """Opens versions when it is let: bundles that take long.

    Attributes:
        free: Set to let it.
        begun: The numbers of the versions that it was to open.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        self.begun: list[str] = []
        open_model = Model.open

        def waiting(path: Path, **options: Any) -> Model:
            if path.name != str(SERVED):
                self.begun.append(path.name)
                assert self.free.wait(60)
            return open_model(path, **options)

        monkeypatch.setattr(Model, "open", waiting)


@contextmanager
def slow_server(
    models: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> Iterator[tuple[ServerThread, Registry, Loader]]:
    """Run a server with one thread that computes, whose other versions than the served one load for long."""
    loader, registry = Loader(monkeypatch), Registry.open(settings(models))
    try:
        with threaded_server(models, registry, computations=1, **changes) as server:
            try:
                yield server, registry, loader
            finally:
                loader.free.set()
    finally:
        registry.close()


def of_version(message: Any, version: int) -> Any:
    """Return a request that names a version; a stream's first message names it in its header."""
    for part in (message, getattr(message, "header", message)):
        if getattr(part, "model", ""):
            part.version = version
    return message


def until(number: int, loader: Loader) -> None:
    """Wait until so many loads have begun."""
    ends = time.monotonic() + 60
    while len(loader.begun) < number:
        assert time.monotonic() < ends
        time.sleep(0.01)


def outcome(target: str, method: str, requests: list[Any]) -> list[bytes] | grpc.StatusCode:
    with grpc.insecure_channel(target) as channel:
        try:
            return answers(channel, method, *requests)
        except grpc.RpcError as error:
            failed: Any = error
            code: grpc.StatusCode = failed.code()
            return code


def test_calls_that_wait_for_a_version_keep_no_other_call_waiting(
    tiny_bundle: Path, tmp_path: Path, table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a call of every method waiting, and one thread that computes, the served version answers."""
    models, records = copied(tiny_bundle, tmp_path, 1, SERVED), to_ipc(table.slice(0, 3))
    with slow_server(models, monkeypatch) as (server, _, loader), Client(server.target) as client:
        latent = to_ipc(client.encode("tiny", table.slice(0, 3)).latent)
        asked = good_requests("tiny", records, latent)
        methods = [method for method in METHODS if method not in NAMELESS]
        with ThreadPoolExecutor(len(methods)) as callers:
            waiting = {
                method: callers.submit(
                    outcome, server.target, method, [of_version(one, 1) for one in asked[method]]
                )
                for method in methods
            }
            until(1, loader)
            for _ in range(3):
                assert client.model("tiny", timeout_s=30).version == SERVED
                assert client.score("tiny", table.slice(0, 3), timeout_s=30).scores.num_rows == 3
            assert not [method for method, call in waiting.items() if call.done()]
            loader.free.set()
            came = {method: call.result(60) for method, call in waiting.items()}
    assert came.pop("Predict") is grpc.StatusCode.UNIMPLEMENTED
    assert not [method for method, messages in came.items() if not isinstance(messages, list)]
    assert loader.begun == ["1"]


def test_so_many_loads_wait_for_one_client_and_no_more(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond that it is told when to come again; a deadline holds while a call waits, and ends no load."""
    wanted = range(1, MOST_LOADS_OF_ONE + 1)
    models = copied(tiny_bundle, tmp_path, *wanted, 8, SERVED)
    with slow_server(models, monkeypatch) as (server, _, loader), Client(server.target) as client:
        for version in (*wanted, wanted[0]):
            with pytest.raises(DeadlineError):
                client.model("tiny", version=version, timeout_s=1.5)
        with pytest.raises(OverloadedError, match="wait to be loaded") as caught:
            client.model("tiny", version=8)
        assert (caught.value.retry_after_s or 0) >= MOST_LOADS_OF_ONE
        assert client.model("tiny").version == SERVED
        loader.free.set()
        assert [client.model("tiny", version=version).version for version in wanted] == list(wanted)
        assert client.model("tiny", version=8).version == 8
    assert loader.begun == [str(version) for version in (*wanted, 8)]


def test_only_who_may_use_a_model_has_its_versions_loaded(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the scope, or where there is no such version, nothing is loaded, and errors are the same."""
    clients = tmp_path / "clients"
    scopes = {"teller": ["tiny:describe"], "maker": ["tiny:generate"]}
    entries = {name: {"tokens": [hash_of(f"{name}-token")], "scopes": each} for name, each in scopes.items()}
    clients.write_text(yaml.safe_dump({"clients": entries}))
    models = copied(tiny_bundle, tmp_path / "models", 1, SERVED)
    with slow_server(models, monkeypatch, clients=clients) as (server, registry, loader):
        with Client(server.target, token="maker-token") as client:  # noqa: S106 - made up
            for version in (1, 7, SERVED):
                with pytest.raises(NotAllowedError):
                    client.model("tiny", version=version)
        with Client(server.target, token="teller-token") as client:  # noqa: S106 - made up
            with pytest.raises(VersionNotThereError):
                client.model("tiny", version=7)
            assert (states(registry), loader.begun) == ({1: "UNLOADED", SERVED: "READY"}, [])
            loader.free.set()
            assert client.model("tiny", version=1).version == 1


def test_a_call_keeps_its_version_until_its_turn(tiny_bundle: Path, tmp_path: Path) -> None:
    """What makes room for another version meanwhile is there for it all the same, and loads nothing."""
    size = sum(path.stat().st_size for path in tiny_bundle.glob("*.onnx"))
    models = copied(tiny_bundle, tmp_path, 1, 2, 3)
    registry = Registry.open(settings(models, versions="all", max_model_bytes=2 * size))

    def call() -> None:
        assert registry.missing("tiny", 1) is not None
        assert registry.missing("tiny", 2) is None
        registry.get("tiny", 1)
        assert states(registry) == {1: "READY", 2: "UNLOADED", 3: "READY"}
        assert registry.get("tiny", 2).version == 2
        assert states(registry) == {1: "READY", 2: "UNLOADED", 3: "READY"}
        registry.unload("tiny", 2)
        with pytest.raises(VersionNotFoundError):
            registry.get("tiny", 2)

    contextvars.copy_context().run(call)
