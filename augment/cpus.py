"""How many CPUs this process may use, which in a container is not what the host has."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["available_cpus", "threads_of"]

_CGROUPS = Path("/sys/fs/cgroup")
_MOST_THREADS = 4


def available_cpus(cgroups: Path = _CGROUPS) -> int:
    """Return the CPUs this process may use: its affinity, cut by the container's CPU quota; at least 1."""
    has_affinity = hasattr(os, "sched_getaffinity")
    count = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return max(1, min(count, math.ceil(_quota(cgroups))))


def threads_of(cpus: int) -> int:
    """Return how many threads one computation uses where there are so many CPUs."""
    return min(cpus, _MOST_THREADS)


def _quota(cgroups: Path) -> float:
    """Return the quota of the container's control group in CPUs; a large number where there is none."""
    words = _words(cgroups / "cpu.max") or [
        *_words(cgroups / "cpu" / "cpu.cfs_quota_us"),
        *_words(cgroups / "cpu" / "cpu.cfs_period_us"),
    ]
    if len(words) == 2 and all(word.isdigit() for word in words) and int(words[1]) > 0:  # noqa: PLR2004 - a pair
        return int(words[0]) / int(words[1])
    return 2.0**20


def _words(path: Path) -> list[str]:
    """Return the words of a small file; none where it cannot be read."""
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
