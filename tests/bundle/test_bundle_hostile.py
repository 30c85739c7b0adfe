"""Bundles made to harm are refused, and whoever opens them lives on."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from augment.errors import BundleError
from augment_server.hosting.opening import Opening
from tests.bundle.hostile import HOSTILE

if TYPE_CHECKING:
    from pathlib import Path


def test_there_are_many() -> None:
    """At least 50 were made by hand."""
    assert len(HOSTILE) >= 50


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bundles_are_refused(bundle: Path, name: str) -> None:
    """Each is refused as a bundle that cannot be used, whatever of it is checked first."""
    HOSTILE[name](bundle)
    with pytest.raises(BundleError):
        Opening(threads=1).open(bundle)
    shutil.rmtree(bundle.parent, ignore_errors=True)
