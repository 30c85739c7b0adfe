from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from augment.errors import BundleError, ModelNotFoundError, RequestError, VersionNotFoundError
from augment_server import Registry
from augment_server.hosting.snapshot import AliasNotFoundError
from tests.server.running import settings

if TYPE_CHECKING:
    from pathlib import Path


def spoil(bundle: Path) -> None:
    golden = bundle / "golden.arrow"
    golden.write_bytes(golden.read_bytes()[:-1])


@pytest.fixture
def models(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A models directory with `tiny/1`, `tiny/2` and `tiny/3`."""
    for version in "123":
        shutil.copytree(tiny_bundle, tmp_path / "models" / "tiny" / version)
    return tmp_path / "models"


def served(registry: Registry) -> list[str]:
    return [f"{model.name}/{model.version}" for model in registry.models()]


def test_the_newest_version_is_served_and_older_ones_when_asked_for(models: Path) -> None:
    """Version 0 is the newest; an older version is opened once and kept."""
    registry = Registry.open(settings(models))
    assert served(registry) == ["tiny/3"]
    assert registry.get("tiny").version == 3
    assert registry.get("tiny", 3) is registry.get("tiny")
    assert registry.get("tiny", 1).version == 1
    assert registry.get("tiny", 1) is registry.get("tiny", 1)


def test_a_broken_newest_version_leaves_the_one_before_it(models: Path) -> None:
    """The broken bundle is logged with its reason, the next older one served; asked for, it is an error."""
    spoil(models / "tiny" / "3")
    with capture_logs() as logs:
        registry = Registry.open(settings(models))
    assert served(registry) == ["tiny/2"]
    refused = [line for line in logs if line["event"] == "bundle refused"]
    assert [(line["model"], line["version"]) for line in refused] == [("tiny", 3)]
    assert "golden.arrow" in refused[0]["reason"]
    for _ in range(2):
        with pytest.raises(BundleError):
            registry.get("tiny", 3)


def test_an_unexpected_error_of_one_bundle_stops_no_other(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even what no bundle should be able to raise is logged, and the other models are served."""
    from augment.runtime import Model  # noqa: PLC0415 - onnxruntime only where it is needed

    open_model = Model.open

    def failing(path: Path, **options: Any) -> Model:
        if path.name == "3":
            raise ZeroDivisionError
        return open_model(path, **options)

    monkeypatch.setattr(Model, "open", failing)
    with capture_logs() as logs:
        assert served(Registry.open(settings(models))) == ["tiny/2"]
    assert any(isinstance(line.get("exc_info"), ZeroDivisionError) for line in logs)


def test_what_is_not_there_is_named_with_what_is(models: Path) -> None:
    """Unknown names and versions list what could have been meant."""
    registry = Registry.open(settings(models))
    with pytest.raises(ModelNotFoundError) as model:
        registry.get("adult")
    assert model.value.available == ("tiny",)
    with pytest.raises(VersionNotFoundError) as version:
        registry.get("tiny", 9)
    assert version.value.available == ("1", "2", "3")


def test_old_versions_are_dropped_when_too_many_are_open(models: Path) -> None:
    """At most four older versions stay open, those asked for last."""
    for version in range(4, 9):
        (models / "tiny" / str(version)).mkdir()
        shutil.copytree(models / "tiny" / "1", models / "tiny" / str(version), dirs_exist_ok=True)
    registry = Registry.open(settings(models))
    first = registry.get("tiny", 1)
    for version in range(2, 6):
        registry.get("tiny", version)
    assert registry.get("tiny", 5) is registry.get("tiny", 5)
    assert registry.get("tiny", 1) is not first


@pytest.mark.parametrize("what", ["missing", "a file", "empty", "broken"])
def test_nothing_to_serve_is_an_error_that_says_so(models: Path, tmp_path: Path, what: str) -> None:
    """A directory that is not there, is a file, is empty or holds only broken bundles cannot be served."""
    directory = tmp_path / "other"
    if what == "a file":
        directory.write_text("x")
    elif what == "empty":
        directory.mkdir()
    elif what == "broken":
        directory = models
        for version in "123":
            spoil(models / "tiny" / version)
    with pytest.raises(RequestError) as caught:
        Registry.open(settings(directory))
    assert caught.value.violations[0].field == "models"
    assert str(directory)[:60] in caught.value.violations[0].value  # a long one is cut


def test_an_empty_directory_is_served_when_asked_to(tmp_path: Path) -> None:
    """With `allow_empty` a server starts before its first model is there."""
    assert served(Registry.open(settings(tmp_path, allow_empty=True))) == []


def test_an_alias_that_another_process_deleted_is_deleted(models: Path) -> None:
    """Of two servers on one directory the second finds the file changed, and forgets the alias too."""
    first, second = (Registry.open(settings(models)) for _ in range(2))
    first.set_alias("tiny", "stable", 1)
    second.refresh()
    assert second.get("tiny@stable").version == 1
    for registry in (first, second):
        registry.delete_alias("tiny", "stable")
        with pytest.raises(AliasNotFoundError):
            registry.get("tiny@stable")
    with pytest.raises(AliasNotFoundError):
        second.delete_alias("tiny", "stable")
