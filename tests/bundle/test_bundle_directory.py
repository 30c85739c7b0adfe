"""A models directory is `<name>/<version>/`; whatever else lies there is passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from augment.bundle import find_bundle, list_bundles
from augment.errors import ModelNotFoundError, VersionNotFoundError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Versions 2, 9 and 10 of `b`, version 1 of `a`, and much that is no bundle."""
    for name in (
        "b/9",
        "b/10",
        "b/2",
        "a/1",
        "b/latest",
        "b/.publish-12",
        "b/03",
        "b/0",
        "empty",
        ".hidden/1",
    ):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "b" / "7").write_text("")
    return tmp_path


def test_bundles_are_listed_in_order(models: Path) -> None:
    """By name, then by version as a number."""
    assert list_bundles(models) == [models / name for name in ("a/1", "b/2", "b/9", "b/10")]


def test_the_newest_is_found(models: Path) -> None:
    """Without a version, the largest number."""
    assert find_bundle(models, "b") == models / "b" / "10"
    assert find_bundle(str(models), "b", 9) == models / "b" / "9"


@pytest.mark.parametrize("name", ["c", "empty", "notes.txt", ".hidden", "../b", "", "b/9", "/etc"])
def test_an_unknown_name_says_what_there_is(models: Path, name: str) -> None:
    """No name leads out of the directory; the error names the models that are there."""
    with pytest.raises(ModelNotFoundError) as caught:
        find_bundle(models, name)
    assert caught.value.name == name
    assert caught.value.available == ("a", "b")


@pytest.mark.parametrize("version", [1, 3, 7, 0, -1])
def test_an_unknown_version_says_what_there_is(models: Path, version: int) -> None:
    """The error names the versions that are there."""
    with pytest.raises(VersionNotFoundError) as caught:
        find_bundle(models, "b", version)
    assert caught.value.name == f"b/{version}"
    assert caught.value.available == ("2", "9", "10")


def test_no_directory_holds_no_bundles(tmp_path: Path) -> None:
    """A models directory may not be there yet, or be a file."""
    assert list_bundles(tmp_path / "none") == []
    (tmp_path / "file").write_text("")
    assert list_bundles(tmp_path / "file") == []
