"""A bundle is published whole or not at all, whatever happens meanwhile; earlier versions stay."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from augment.bundle import find_bundle, list_bundles, open_bundle, publish, publishing
from augment.bundle.leftovers import remove_leftovers
from augment.errors import PublishError, RequestError
from tests.bundle.conftest import CREATED
from tests.bundle.small_graphs import GraphWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from augment.bundle import BundleDraft

PUBLISHER = """
import os, resource, sys, time
from pathlib import Path
from augment.bundle import publish
from augment.errors import PublishError
from tests.bundle.small_graphs import draft_of
from tests.records import every_kind

models, mode, gate = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
draft = draft_of(every_kind())
sync = os.fsync

def slow_sync(descriptor):
    sync(descriptor)
    gate.with_suffix(".reached").touch()
    while not gate.exists():
        time.sleep(0.01)

if mode == "gated":
    os.fsync = slow_sync
elif mode == "limited":
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
elif mode == "stranger" and os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    print(publish(models, "small", draft))
except PublishError as exc:
    print("PublishError:", exc)
"""


def test_versions_count_up_and_stay(tmp_path: Path, draft: BundleDraft) -> None:
    """Each publication is one more version; those before keep their bytes."""
    first = publish(tmp_path, "small", draft)
    before = _bytes_of(first)
    second = publish(tmp_path, "small", replace(draft, quality={"vae.heldout_loss": 4.0}))
    assert (first, second) == (tmp_path / "small" / "1", tmp_path / "small" / "2")
    assert _bytes_of(first) == before
    assert open_bundle(second).manifest.quality == {"vae.heldout_loss": 4.0}
    assert open_bundle(first).digest != open_bundle(second).digest


def test_a_version_is_never_given_twice(tmp_path: Path, draft: BundleDraft) -> None:
    """The next version follows the newest one, also where others were taken away."""
    publish(tmp_path, "small", draft).rename(tmp_path / "small" / "41")
    assert publish(tmp_path, "small", draft).name == "42"


def test_equal_drafts_of_one_moment_are_equal_bytes(tmp_path: Path, draft: BundleDraft) -> None:
    """Nothing but the draft, the name and the date goes into a bundle."""
    one = publish(tmp_path / "a", "small", draft, created_at=CREATED)
    other = publish(tmp_path / "b", "small", draft, created_at=CREATED)
    assert _bytes_of(one) == _bytes_of(other)
    assert open_bundle(one).digest == open_bundle(other).digest


def test_published_files_are_read_only(tmp_path: Path, draft: BundleDraft) -> None:
    """Nobody edits a published file by accident, and the server's user may read it."""
    bundle = publish(tmp_path, "small", draft)
    assert {file.stat().st_mode & 0o777 & ~_umask() for file in bundle.iterdir()} == {0o444 & ~_umask()}
    assert bundle.stat().st_mode & 0o555 == 0o555 & ~_umask()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", ".hidden", "-dash", "a" * 65, "a b", "a\n", "ä"]
)
def test_a_name_follows_its_rule(tmp_path: Path, draft: BundleDraft, name: str) -> None:
    """Nothing is written for a name that could leave the directory or hide in it."""
    with pytest.raises(RequestError, match="name must be 1 to 64 letters"):
        publish(tmp_path, name, draft)
    assert list(tmp_path.iterdir()) == []


def _random_graph(draft: BundleDraft) -> dict[str, bytes]:
    writer = GraphWriter({"latent": ("float32", 3)}, {"score": ("float32", 3)})
    writer.add("RandomNormalLike", "latent", out="score")
    return {**draft.graphs, "score": writer.file()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda draft: replace(draft, samplers=["flow"]), "'flow' must have a graph flow_sample"),
        (lambda draft: replace(draft, block_rows=0), "block_rows"),
        (lambda draft: replace(draft, quality={"loss": float("nan")}), "quality.loss"),
        (lambda draft: replace(draft, graphs={}), "graphs"),
        (lambda draft: replace(draft, graphs={"score": b"\x00"}), "graph score: field number must be"),
        (
            lambda draft: replace(draft, graphs=_random_graph(draft)),
            "operator RandomNormalLike is not allowed",
        ),
        (lambda draft: replace(draft, golden=[]), "golden.arrow must have a case of graph"),
        (lambda draft: replace(draft, graphs={**draft.graphs, "../up": draft.graphs["score"]}), "graphs"),
    ],
)
def test_a_draft_follows_the_format(
    tmp_path: Path, draft: BundleDraft, change: Callable[[BundleDraft], BundleDraft], message: str
) -> None:
    """What could not be opened is not published: the draft is refused and leaves nothing."""
    publish(tmp_path, "small", draft)
    with pytest.raises(PublishError, match=message):
        publish(tmp_path, "small", change(draft))
    assert _entries(tmp_path) == ["1"]


def test_publishers_at_once_take_different_versions(tmp_path: Path, draft: BundleDraft) -> None:
    """Where a version is taken meanwhile, the next one is: nobody overwrites and nobody fails."""
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: publish(tmp_path, "small", draft), range(12)))
    assert sorted(int(path.name) for path in paths) == list(range(1, 13))
    assert _entries(tmp_path) == sorted(str(version) for version in range(1, 13))
    for path in list_bundles(tmp_path):
        open_bundle(path)


def test_a_directory_taken_for_a_leftover_is_made_again(
    tmp_path: Path, draft: BundleDraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another publisher clears up right after the directory was made and before it is locked."""
    make, made = Path.mkdir, []

    def made_and_removed(path: Path, *arguments: Any, **named: Any) -> None:
        make(path, *arguments, **named)
        if path.name.startswith(".publish-"):
            made.append(path)
            if len(made) == 1:
                remove_leftovers(path.parent)
                assert not path.exists()

    monkeypatch.setattr(Path, "mkdir", made_and_removed)
    assert publish(tmp_path, "small", draft).name == "1"
    assert len(made) == 2


def test_a_killed_publisher_leaves_nothing_that_counts(tmp_path: Path, draft: BundleDraft) -> None:
    """After kill -9 in mid-publish the earlier version is whole; the leftover goes with the next one."""
    before = _bytes_of(publish(tmp_path, "small", draft))
    publisher = _start_gated(tmp_path)
    publisher.send_signal(signal.SIGKILL)
    publisher.wait()
    assert len([name for name in _entries(tmp_path) if name.startswith(".publish-")]) == 1
    assert list_bundles(tmp_path) == [tmp_path / "small" / "1"]
    assert find_bundle(tmp_path, "small") == tmp_path / "small" / "1"
    assert _bytes_of(tmp_path / "small" / "1") == before
    assert publish(tmp_path, "small", draft).name == "2"
    assert _entries(tmp_path) == ["1", "2"]


def test_a_slow_publisher_is_left_alone(tmp_path: Path, draft: BundleDraft) -> None:
    """A live publisher's directory is no leftover; overtaken, it takes the version after."""
    publisher = _start_gated(tmp_path)
    assert publish(tmp_path, "small", draft).name == "1"
    (tmp_path / "gate").touch()
    out, _ = publisher.communicate(timeout=60)
    assert out.strip() == str(tmp_path / "small" / "2")
    assert _entries(tmp_path) == ["1", "2"]
    assert open_bundle(tmp_path / "small" / "2").version == 2


def test_anything_called_like_a_version_is_one(tmp_path: Path, draft: BundleDraft) -> None:
    """A file or link that is in the way is neither replaced nor tried for ever."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "1").write_text("a note")
    (tmp_path / "small" / "2").symlink_to("1")
    assert publish(tmp_path, "small", draft).name == "3"
    assert (tmp_path / "small" / "1").read_text() == "a note"


def test_a_version_taken_in_the_last_moment_is_left(
    tmp_path: Path, draft: BundleDraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between choosing a version and the rename another publisher may come: then the one after is taken."""
    publish(tmp_path, "small", draft)
    choices = iter([1, 2])
    monkeypatch.setattr(publishing, "next_version", lambda _: next(choices))
    assert publish(tmp_path, "small", draft).name == "2"
    assert _entries(tmp_path) == ["1", "2"]


def test_a_directory_cleaned_away_is_made_again(
    tmp_path: Path, draft: BundleDraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making and locking, another publisher may take a directory for a leftover."""
    lock = fcntl.flock
    cleaned: list[Path] = []

    def lock_late(descriptor: int, operation: int) -> None:
        if not cleaned:
            cleaned.extend((tmp_path / "small").glob(".publish-*"))
            cleaned[0].rmdir()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    assert publish(tmp_path, "small", draft).name == "1"
    assert len(cleaned) == 1


def test_links_called_like_leftovers_are_not_followed(tmp_path: Path, draft: BundleDraft) -> None:
    """Only directories of the format's own making are cleaned away."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("")
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / ".publish-link").symlink_to(tmp_path / "precious")
    publish(tmp_path, "small", draft)
    assert (tmp_path / "precious" / "file").exists()


def test_a_limit_on_file_sizes_stops_a_publisher_cleanly(tmp_path: Path, draft: BundleDraft) -> None:
    """A file that cannot be written whole: the error names it and the remedy, nothing is left of it."""
    before = _bytes_of(publish(tmp_path, "small", draft))
    out = _publish_elsewhere(tmp_path, "limited")
    assert out.startswith(f"PublishError: {tmp_path}/small")
    assert "File too large. Raise the limit on file sizes" in out
    assert "earlier versions are whole" in out
    assert _entries(tmp_path) == ["1"]
    assert _bytes_of(tmp_path / "small" / "1") == before


def test_a_full_disk_stops_a_publisher_cleanly(full_disk: Path, draft: BundleDraft) -> None:
    """A disk that is really full: the earlier version is whole, and the error says what to do."""
    before = _bytes_of(publish(full_disk, "small", draft))
    (full_disk / "ballast").write_bytes(b"\0" * (_free(full_disk) - 8192))
    with pytest.raises(PublishError, match=r"No space left on device\. Free space on this disk, then"):
        publish(full_disk, "small", draft)
    assert _entries(full_disk) == ["1"]
    assert _bytes_of(full_disk / "small" / "1") == before
    (full_disk / "ballast").unlink()
    assert publish(full_disk, "small", draft).name == "2"


def test_a_missing_right_is_named(tmp_path: Path) -> None:
    """Without the right to write, the error names the place and the remedy."""
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(0o755)
    (tmp_path / "models").mkdir(mode=0o555)
    out = _publish_elsewhere(tmp_path / "models", "stranger")
    assert out.startswith(
        f"PublishError: {tmp_path}/models/small: Permission denied. Give this user the right"
    )


def test_a_models_directory_that_is_a_file_is_named(tmp_path: Path, draft: BundleDraft) -> None:
    """A path that cannot become a directory says why."""
    (tmp_path / "models").write_text("")
    with pytest.raises(PublishError, match="models/small: Not a directory"):
        publish(tmp_path / "models", "small", draft)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB; skipped where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    mounted = subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed words
    if mounted.returncode:
        pytest.skip("no right to mount a small file system here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)  # noqa: S603, S607 - fixed words


def _start_gated(models: Path) -> subprocess.Popen[str]:
    """Start a publisher that stops after its first synced file, and wait until it is there."""
    publisher = _start(models, "gated", models / "gate")
    for _ in range(3000):
        if (models / "gate.reached").exists():
            return publisher
        time.sleep(0.02)
    publisher.kill()
    raise TimeoutError("the publisher did not begin")


def _publish_elsewhere(models: Path, mode: str) -> str:
    """Publish in another process and return what it prints."""
    out, _ = _start(models, mode, models / "gate").communicate(timeout=120)
    return out.strip()


def _start(models: Path, mode: str, gate: Path) -> subprocess.Popen[str]:
    command: list[Any] = [sys.executable, "-c", PUBLISHER, str(models), mode, str(gate)]
    environment = {**os.environ, **_python_path()}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - ours


def _python_path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}


def _entries(models: Path) -> list[str]:
    return sorted(entry.name for entry in (models / "small").iterdir())


def _bytes_of(bundle: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in bundle.iterdir()}


def _free(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
