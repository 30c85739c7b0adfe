"""A run that is killed and started again ends as if nothing had happened."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.running import environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ONE, BOTH = ("denoiser",), ("vae", "denoiser")


def endings(
    root: Path, models: Sequence[str], *, kills: int, seed: int, large: bool = False
) -> dict[str, Any]:
    """Return the ending of an unbroken run (`whole`) and of killed ones (`killed`).

    Records are in memory, or in a file (`large`).
    """
    done = subprocess.run(  # noqa: S603 - our own module
        [
            sys.executable,
            "-m",
            "tests.training.killing",
            str(root),
            ",".join(models),
            str(kills),
            str(seed),
            "large" if large else "",
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def check(found: dict[str, Any], models: Sequence[str]) -> None:
    """Hold killed runs against the unbroken one."""
    whole = found["whole"]
    assert whole["versions"] == 1
    assert [epoch[0] for epoch in whole["epochs"]] == [model for model in models for _ in range(3)]
    assert not whole["left"]
    for killed in found["killed"]:
        assert killed["deaths"] >= 1
        for key, value in whole.items():
            assert killed[key] == value, (killed["moments"], key)
    assert found["killed"][0]["deaths"] == 2


def test_a_killed_run_ends_in_the_same_bits(tmp_path: Path) -> None:
    """SIGKILL before a random step, sync, rename or stage, and again just after publishing.

    The same call again goes on in the same run directory, publishes one version whose graphs have the same
    sha256 as an unbroken run's, tells each epoch once, and leaves no checkpoint behind.
    """
    check(endings(tmp_path, ONE, kills=1, seed=4), ONE)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_killed_runs_end_in_the_same_bits(tmp_path: Path) -> None:
    """Likewise at many more moments."""
    check(endings(tmp_path, BOTH, kills=13, seed=5), BOTH)
