"""Bundles in an object store, as a step takes them."""

from __future__ import annotations

import errno
import secrets
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from augment.errors import (
    BundleCorruptError,
    DataFileError,
    ModelNotFoundError,
    RequestError,
    StepError,
    VersionNotFoundError,
)
from augment.runtime import Model
from augment.scale.delivery import delivery_of
from augment.scale.run import plan_step, run_step
from augment.scale.stretches import reading_parquet
from augment.urls import is_away
from tests.scale.steps import config_of, parts_of

fsspec = pytest.importorskip("fsspec")

if TYPE_CHECKING:
    from pathlib import Path

OPERATIONS = ({"do": "impute"}, {"do": "augment", "rows": 1_500}, {"do": "score"})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where copies are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "augment-service" / "bundles"


@pytest.fixture
def store(flat_dir: Path) -> str:
    """The URL of a directory with the bundles `flat/1` and `flat/2`, in the memory of this process."""
    return uploaded(f"memory://models-{secrets.token_hex(4)}", flat_dir, 1, 2)


def uploaded(url: str, models: Path, *versions: int) -> str:
    """Put the bundle `flat/1` into a store, under some versions."""
    system, root = fsspec.core.url_to_fs(url)
    for version in versions:
        for file in (models / "flat" / "1").iterdir():
            system.pipe_file(f"{root}/flat/{version}/{file.name}", file.read_bytes())
    return url


def test_a_bundle_by_url_gives_the_same_parts(root: Path, flat_dir: Path, store: str, cache: Path) -> None:
    """Copied once, found again by whoever needs it next, told by its URL; where it is does not count."""
    run_step(config_of(root, flat_dir, operations=OPERATIONS))
    here = {"operations": OPERATIONS, "output": str(root / "other")}
    config = config_of(root, flat_dir, model=f"{store}/flat/1", **here)
    assert plan_step(config).plan.facts.place == f"{store}/flat/1"
    (copy,) = cache.glob("*/flat/1")
    before = {file.name: file.stat().st_ino for file in copy.iterdir()}
    assert run_step(config).made == 5
    assert parts_of(root / "other") == parts_of(root / "out")
    assert {file.name: file.stat().st_ino for file in copy.iterdir()} == before
    assert run_step(config_of(root, flat_dir, operations=OPERATIONS, model=f"{store}/flat/1")).made == 0


@pytest.mark.parametrize("shared", [False, True])
def test_data_sets_have_bundles_by_url(flat_dir: Path, store: str, cache: Path, shared: bool) -> None:  # noqa: FBT001
    """Its files are sent along, or each worker copies them for itself."""
    del cache
    model, delivery = delivery_of(f"{store}/flat/1", 1, shared=shared)
    assert (delivery.files is None) is shared
    there = delivery.open()
    assert (there.name, there.version, there.digest) == ("flat", 1, model.digest)
    assert model.digest == Model.open(flat_dir / "flat" / "1", threads=1).digest
    with pytest.raises(BundleCorruptError, match=r"flat/9: must be a bundle's directory"):
        delivery_of(f"{store}/flat/9", 1, shared=shared)


def test_models_by_url_and_name(root: Path, flat_dir: Path, store: str, cache: Path) -> None:
    """The newest version that is whole, or the one that is asked for; what is not there is told."""
    del cache
    system, inner = fsspec.core.url_to_fs(store)
    system.pipe_file(f"{inner}/flat/3/golden.arrow", b"its manifest comes last")
    usual = config_of(root, flat_dir, operations=OPERATIONS).model_copy(update={"models": store})
    assert plan_step(usual).plan.facts.version == 2
    assert plan_step(usual.model_copy(update={"version": 1})).plan.facts.version == 1
    with pytest.raises(VersionNotFoundError, match=r"no model version 'flat/3'; there is: 1, 2"):
        plan_step(usual.model_copy(update={"version": 3}))
    with pytest.raises(ModelNotFoundError, match=rf"{store}: no model 'flatt'; there is: flat"):
        plan_step(usual.model_copy(update={"model": "flatt"}))


def test_a_bundle_that_is_none_or_broken_is_told(root: Path, flat_dir: Path, store: str, cache: Path) -> None:
    """By its URL, and nothing is kept of it."""
    system, inner = fsspec.core.url_to_fs(store)
    told = rf"bundle {store}/flat: must be a bundle's directory, <name>/<version>"
    with pytest.raises(BundleCorruptError, match=told):
        plan_step(config_of(root, flat_dir, operations=OPERATIONS, model=f"{store}/flat"))
    golden = system.cat_file(f"{inner}/flat/1/golden.arrow")
    for data, reason in (
        (golden[:-1], r"golden\.arrow must have \d+ bytes"),
        (b"x" * len(golden), r"golden\.arrow was changed"),
    ):
        system.pipe_file(f"{inner}/flat/1/golden.arrow", data)
        with pytest.raises(BundleCorruptError, match=reason):
            plan_step(config_of(root, flat_dir, operations=OPERATIONS, model=f"{store}/flat/1"))
    system.pipe_file(f"{inner}/flat/1/golden.arrow", golden)
    assert plan_step(config_of(root, flat_dir, operations=OPERATIONS, model=f"{store}/flat/1")).plan.rows
    assert len([*cache.iterdir()]) == 1


def test_a_place_that_cannot_be_written_to_is_no_hindrance(
    root: Path, flat_dir: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that is read-only: the copy goes to the temporary directory, and with the process."""
    (root / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "file"))
    assert plan_step(config_of(root, flat_dir, operations=OPERATIONS, model=f"{store}/flat/1")).plan.rows


def test_a_version_beside_a_path_must_be_its(root: Path, flat_dir: Path, store: str, cache: Path) -> None:
    """It was passed over: another version than the one asked for was taken."""
    del cache
    for place in (str(flat_dir), f"file://{flat_dir}", store):
        model = config_of(root, root, model=f"{place}/flat/1", operations=OPERATIONS, version=1)
        assert plan_step(model).plan.facts.version == 1
        with pytest.raises(RequestError, match=r"version must be that of .*flat/1, or be left out, got 2"):
            plan_step(model.model_copy(update={"version": 2}))


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OSError(errno.EBUSY, "SlowDown"), True),
        (ConnectionResetError(), True),
        (RuntimeError("what a client library raises"), True),
        (FileNotFoundError("no such key"), False),
        (PermissionError("forbidden"), False),
        (OSError("Corrupt snappy compressed data"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (pa.ArrowInvalid("no footer"), False),
    ],
    ids=repr,
)
def test_a_store_that_does_not_answer_is_told_from_a_file_that_is_wrong(
    error: Exception, *, away: bool
) -> None:
    """One may answer later, exit code 1; the other would be the same, 2. A path here is always there."""
    assert is_away("s3://bucket/a.parquet", error) == away
    assert not is_away("/bucket/a.parquet", error)
    told = r"s3://bucket/a\.parquet"
    with (
        pytest.raises(StepError if away else DataFileError, match=told),
        reading_parquet("s3://bucket/a.parquet"),
    ):
        raise error
