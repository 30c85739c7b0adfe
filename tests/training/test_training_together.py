"""Several processes train one model."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.running import environment

if TYPE_CHECKING:
    from pathlib import Path


def fitted(out: Path, *launcher: str) -> dict[str, Any]:
    """Return how `together` went, with this launcher before it."""
    command = [sys.executable, *launcher, "-m", "tests.training.together", str(out)]
    done = subprocess.run(  # noqa: S603 - our own module
        command, env=environment(), capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_two_processes_reach_the_loss_of_one(tmp_path: Path) -> None:
    """With gloo on the CPU, by torchrun: the same steps, the same weights in both, and the loss of one."""
    alone = fitted(tmp_path / "alone")
    both = fitted(tmp_path / "both", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert (alone["processes"], both["processes"]) == (1, 2)
    assert both["alike"]
    assert both["steps"] == alone["steps"]
    assert both["heldout_loss"] == pytest.approx(alone["heldout_loss"], rel=0.05)
