"""What is checked is what is loaded: files that change in between change nothing."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from augment.bundle import open_bundle
from augment.runtime import Model
from augment.runtime.loading import load_engine
from augment_server import Registry
from tests.server.running import settings
from tests.server.versions import copied, states

if TYPE_CHECKING:
    from pathlib import Path


def truncate(bundle: Path) -> None:
    """Cut the files of a bundle in half, where they lie."""
    for file in bundle.iterdir():
        file.chmod(0o644)
        os.truncate(file, file.stat().st_size // 2)


def test_a_bundle_that_is_truncated_after_its_check_loads_as_it_was(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """An opened bundle is all in memory, so its graphs are those whose hashes were compared."""
    (place,) = (copied(tiny_bundle, tmp_path, 1) / "tiny").iterdir()
    bundle = open_bundle(place)
    truncate(place)
    engine = load_engine(bundle, threads=1, replay_golden=True)
    expected = Model.open(tiny_bundle, threads=1).generate(50, seed=1)
    assert Model(bundle, engine).generate(50, seed=1).equals(expected)


def test_a_bundle_that_is_truncated_while_it_is_loaded_is_whole_or_refused(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """Whatever moment the cut comes at: the version answers exactly, or the one before it serves on."""
    copied(tiny_bundle, tmp_path, 1)
    registry = Registry.open(settings(tmp_path))
    expected = registry.get("tiny").generate(20, seed=1)
    seen, served = set(), 1
    for version, delay_s in enumerate((0.0, 0.002, 0.01, 0.05, 0.2, 1.0), start=2):
        copied(tiny_bundle, tmp_path, version)
        cut = threading.Timer(delay_s, truncate, [tmp_path / "tiny" / str(version)])
        cut.start()
        registry.refresh()
        cut.join()
        state = states(registry)[version]
        seen.add(state)
        assert state in ("READY", "REFUSED")
        served = version if state == "READY" else served
        assert registry.served("tiny") == served
        assert registry.get("tiny").generate(20, seed=1).equals(expected)
    assert "REFUSED" in seen
