"""What is set in the process's environment before the heavy libraries are imported."""

from __future__ import annotations

import os

__all__ = ["let_threads_sleep"]


def let_threads_sleep() -> None:
    """Let torch's threads sleep while they wait; must be called before torch is imported.

    By default OpenMP's threads spin. With any other load on a machine of two cores a training step then
    takes ten times as long. What the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
