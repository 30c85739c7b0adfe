from __future__ import annotations

import errno
import os
import shutil
import threading
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from augment.errors import BundleCorruptError, BundleError, ModelNotFoundError
from augment.runtime import Model
from augment_client import AliasNotFoundError, Client
from augment_server import Registry
from tests.server.running import settings, threaded_server
from tests.server.versions import copied, spoilt, states

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_calls_in_flight_end_on_the_version_they_began_on(tiny_bundle: Path, tmp_path: Path) -> None:
    """A stream that has begun goes on as it was; the next call gets the new version."""
    options = settings(copied(tiny_bundle, tmp_path, 1))
    registry = Registry.open(options)
    with threaded_server(tmp_path, registry) as server, Client(server.target) as client:
        whole = client.generate("tiny", 12_000, seed=5)
        with client.generate_batches("tiny", 12_000, seed=5) as stream:
            rows = [next(stream).num_rows]
            copied(tiny_bundle, tmp_path, 2)
            registry.refresh()
            assert client.model("tiny").version == 2
            assert states(registry) == {1: "UNLOADED", 2: "READY"}
            rows += [batch.num_rows for batch in stream]
            assert (stream.info.version, sum(rows)) == (1, whole.num_rows)


def test_a_new_version_is_found_by_watching(tiny_bundle: Path, tmp_path: Path) -> None:
    """Nobody has to say that there is a new version or a new model; health follows."""
    options = settings(tmp_path, watch_s=0.05, allow_empty=True)
    with (
        threaded_server(tmp_path, Registry.open(options), watch_s=0.05) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        following = health.Watch(health_pb2.HealthCheckRequest(service="tiny"), timeout=60)
        seen = health_pb2.HealthCheckResponse
        assert next(following).status == seen.SERVICE_UNKNOWN
        copied(tiny_bundle, tmp_path, 1)
        assert next(following).status == seen.SERVING
        (tmp_path / "notes.txt").write_text("the directory is still mounted")
        shutil.rmtree(tmp_path / "tiny")
        assert next(following).status == seen.NOT_SERVING


def test_a_broken_version_is_refused_once_and_the_old_one_serves_on(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """Its reason is in the log, once, and in what callers are told; mended, it is loaded."""
    options = settings(copied(tiny_bundle, tmp_path, 1))
    registry = Registry.open(options)
    spoilt(tiny_bundle, tmp_path, 2)
    with capture_logs() as logs:
        registry.refresh()
        registry.refresh()
    (refused,) = [line for line in logs if line["event"] == "bundle refused"]
    assert "golden.arrow must have" in refused["reason"]
    with threaded_server(tmp_path, registry) as server, Client(server.target) as client:
        told = client.model("tiny")
    assert (told.version, [each.state for each in told.versions]) == (1, ["READY", "REFUSED"])
    assert "golden.arrow must have" in told.versions[1].reason
    assert str(tmp_path) not in told.versions[1].reason
    assert registry.counts()["refused"] == 1
    shutil.rmtree(tmp_path / "tiny" / "2")
    copied(tiny_bundle, tmp_path, 2)
    registry.refresh()
    assert states(registry) == {1: "UNLOADED", 2: "READY"}


def _unreadable(*_: Any) -> bytes:
    raise BundleCorruptError("", "manifest.json cannot be read") from OSError(errno.EIO, "I/O error")


def _too_large(*_: Any) -> bytes:
    raise MemoryError


@pytest.mark.parametrize("failing", [_unreadable, _too_large])
def test_what_fails_for_a_while_is_tried_again(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: Callable[..., bytes]
) -> None:
    """An error of reading, or no memory, is logged once and held against nobody; it is loaded in the end."""
    registry = Registry.open(settings(copied(tiny_bundle, tmp_path, 1)))
    copied(tiny_bundle, tmp_path, 2)

    with capture_logs() as logs, monkeypatch.context() as patched:
        patched.setattr("augment.bundle.reading.read_entry", failing)
        registry.refresh()
        registry.refresh()
    assert [line["version"] for line in logs if line["event"] == "bundle refused"] == [2]
    assert registry.served("tiny") == 1
    registry.refresh()
    assert registry.served("tiny") == 2


def test_a_version_that_is_overwritten_serves_on_until_what_lies_there_is_whole(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """Broken contents under a loaded version's number are refused with a reason; good ones are swapped in."""
    registry = Registry.open(settings(copied(tiny_bundle, tmp_path, 1)))
    loaded = registry.get("tiny")
    shutil.rmtree(tmp_path / "tiny" / "1")
    spoilt(tiny_bundle, tmp_path, 1)
    registry.refresh()
    (hosted,) = registry.versions("tiny")
    assert (hosted.state, hosted.model) == ("READY", loaded)
    assert "golden.arrow" in hosted.reason
    shutil.rmtree(tmp_path / "tiny" / "1")
    copied(tiny_bundle, tmp_path, 1)
    registry.refresh()
    assert registry.get("tiny") is not loaded
    assert registry.versions("tiny")[0].reason == ""


def test_a_removed_version_is_unloaded_and_an_unreadable_store_is_no_removal(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """The version before takes over; a directory that is away or empty changes nothing."""
    models = copied(tiny_bundle, tmp_path / "models", 1, 2)
    registry = Registry.open(settings(models))
    shutil.rmtree(models / "tiny" / "2")
    registry.refresh()
    assert states(registry) == {1: "READY"}
    models.rename(tmp_path / "away")
    with capture_logs() as logs:
        registry.refresh()
        models.mkdir()
        registry.refresh()
        registry.refresh()
    assert [line["event"] for line in logs] == ["models unreadable, those loaded serve on"] * 2
    assert registry.get("tiny").version == 1
    (models / "notes.txt").write_text("mounted")
    registry.refresh()
    with pytest.raises(ModelNotFoundError):
        registry.get("tiny")


@pytest.mark.parametrize(
    ("flags", "loaded", "served"),
    [
        ({"versions": "all"}, {1, 2, 3}, 3),
        ({"versions": "2"}, {2, 3}, 3),
        ({"pin": {"tiny": 2}}, {2}, 2),
    ],
    ids=["all", "two", "pinned"],
)
def test_the_policy_says_what_is_loaded(
    tiny_bundle: Path, tmp_path: Path, flags: dict[str, object], loaded: set[int], served: int
) -> None:
    """All, the newest few, or one pinned version; whatever else is there is loaded when asked for."""
    registry = Registry.open(settings(copied(tiny_bundle, tmp_path, 1, 2, 3), **flags))
    assert {version for version, state in states(registry).items() if state == "READY"} == loaded
    assert registry.get("tiny").version == served


def test_under_a_limit_of_memory_the_least_recently_used_is_unloaded(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """The served version stays; others make room for each other and come back when asked for."""
    size = sum(path.stat().st_size for path in tiny_bundle.glob("*.onnx"))
    limits = {"versions": "all", "max_model_bytes": 2 * size}
    registry = Registry.open(settings(copied(tiny_bundle, tmp_path, 1, 2, 3), **limits))
    assert states(registry) == {1: "UNLOADED", 2: "READY", 3: "READY"}
    registry.refresh()
    assert states(registry)[1] == "UNLOADED"
    assert registry.get("tiny", 1).version == 1
    assert states(registry) == {1: "READY", 2: "UNLOADED", 3: "READY"}
    assert registry.get("tiny", 2).version == 2
    assert states(registry) == {1: "UNLOADED", 2: "READY", 3: "READY"}


def test_aliases_come_from_a_file_that_is_watched(tiny_bundle: Path, tmp_path: Path) -> None:
    """`name@alias` is a version; a file that cannot be read, or names a broken one, changes nothing."""
    spoilt_version, aliases = 3, tmp_path / "aliases.json"
    copied(tiny_bundle, tmp_path, 1, 2)
    spoilt(tiny_bundle, tmp_path, spoilt_version)
    aliases.write_text('{"tiny": {"stable": 1}}')
    registry = Registry.open(settings(tmp_path))
    with threaded_server(tmp_path, registry) as server, Client(server.target) as client:
        assert client.model("tiny").version == 2
        assert client.model("tiny@stable").version == 1
        assert client.generate("tiny@stable", 3, seed=1).num_rows == 3
        assert client.model("tiny@stable").aliases == {"stable": 1}
        with pytest.raises(AliasNotFoundError) as caught:
            client.model("tiny@canary")
        assert caught.value.available == ("stable",)
    for text in ('{"tiny": {"stable": 3}}', '{"tiny": {"stable": "2"}}', '{"tiny": {"9": 2}}', "["):
        aliases.write_text(text)
        with capture_logs() as logs:
            registry.refresh()
            registry.refresh()
        assert len([line for line in logs if line["log_level"] in ("warning", "error")]) == 1, text
        assert registry.get("tiny@stable").version == 1
    aliases.write_text('{"tiny": {"stable": 2}}')
    registry.refresh()
    assert registry.get("tiny@stable").version == 2


def test_aliases_that_are_no_file_keep_nobody_waiting(tiny_bundle: Path, tmp_path: Path) -> None:
    """A pipe that nobody writes into is logged and passed over; the models are served."""
    os.mkfifo(copied(tiny_bundle, tmp_path, 1) / "aliases.json")
    with capture_logs() as logs:
        registry = Registry.open(settings(tmp_path))
    (line,) = [line for line in logs if line["event"].startswith("aliases refused")]
    assert line["reason"].endswith("must be a regular file")
    assert registry.get("tiny").version == 1


def test_an_end_waits_for_one_version_and_not_for_those_after_it(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three new versions the one that is being loaded is waited for, as long as the caller likes."""
    registry = Registry.open(settings(copied(tiny_bundle, tmp_path, 1), versions="all"))
    copied(tiny_bundle, tmp_path, 2, 3, 4)
    begun, free, open_model = threading.Event(), threading.Event(), Model.open

    def waiting(path: Path, **options: Any) -> Model:
        begun.set()
        assert free.wait(60)
        return open_model(path, **options)

    monkeypatch.setattr(Model, "open", waiting)
    refreshing, asked = registry.begin_refresh(), registry.begin_lending("tiny", 2)
    assert begun.wait(60)
    assert not registry.close(0.1)
    free.set()
    assert registry.close()
    assert refreshing.done()
    assert asked.cancelled()
    assert registry.counts()["loaded"] == 2


def test_one_refusal_is_raised_again_without_growing(tiny_bundle: Path, tmp_path: Path) -> None:
    """Each caller gets an error of its own: one that is raised again and again would keep every traceback."""
    copied(tiny_bundle, tmp_path, 1)
    spoilt(tiny_bundle, tmp_path, 2)
    registry = Registry.open(settings(tmp_path))
    errors = []
    for _ in range(2):
        with pytest.raises(BundleError) as caught:
            registry.get("tiny", 2)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
