"""One small published bundle, and a way to write hostile copies of it."""

from __future__ import annotations

import datetime as dt
import shutil
from typing import TYPE_CHECKING

import pytest

from augment.bundle import BundleDraft, publish
from tests.bundle.small_graphs import draft_of
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path

CREATED = dt.datetime(2025, 3, 1, 12, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="session")
def draft() -> BundleDraft:
    """A draft of every column kind with a small graph of each role."""
    return draft_of(every_kind())


@pytest.fixture(scope="session")
def published(draft: BundleDraft, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The draft, published. Never to be written to."""
    return publish(tmp_path_factory.mktemp("published"), "small", draft, created_at=CREATED)


@pytest.fixture
def bundle(published: Path, tmp_path: Path) -> Path:
    """A copy of the published bundle that a test may damage, `small/1` in `tmp_path`."""
    copy = tmp_path / "small" / "1"
    shutil.copytree(published, copy)
    for file in copy.iterdir():
        file.chmod(0o644)
    return copy
