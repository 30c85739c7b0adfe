"""Two models for laws that hold for all: small graphs written by hand, and one that was really trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from augment.bundle import BundleDraft, publish
from augment.runtime import Model
from tests.bundle.small_graphs import draft_of

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


@pytest.fixture(scope="session")
def draft(table: pa.Table) -> BundleDraft:
    """A draft of every column kind with a small graph of each role."""
    return draft_of(table)


@pytest.fixture(scope="session")
def small_bundle(draft: BundleDraft, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The draft, published."""
    return publish(tmp_path_factory.mktemp("small"), "small", draft)


@pytest.fixture(scope="session")
def small(small_bundle: Path) -> Model:
    """A model whose graphs are known: the denoiser holds a cell intact with its residual as probability."""
    return Model.open(small_bundle, threads=1)


@pytest.fixture(scope="session")
def tiny(tiny_bundle: Path) -> Model:
    """A model that was trained for a few epochs."""
    return Model.open(tiny_bundle, threads=1)


@pytest.fixture(params=["small", "tiny"])
def model(request: pytest.FixtureRequest) -> Model:
    """Each of the two."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Model)
    return found
