"""How much memory this process may still take, which in a container is not what the host has."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["available_memory"]

_CGROUPS, _MEMINFO = Path("/sys/fs/cgroup"), Path("/proc/meminfo")


def available_memory(cgroups: Path = _CGROUPS, meminfo: Path = _MEMINFO) -> int:
    """Return the bytes that are free: the system's, cut by what the container's limit leaves; at least 0.

    What the system keeps of files counts as free: it gives it up when asked.
    """
    return max(0, min(_of_system(meminfo), _of_container(cgroups)))


def _of_system(meminfo: Path) -> int:
    """Return what Linux calls available; elsewhere all that the machine has."""
    found = _lines(meminfo).get("MemAvailable:")
    if found is not None:
        return found * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_container(cgroups: Path) -> int:
    """Return limit less use (files left out) of a control group, version 2 or 1; much where there is none."""
    for limit, used, stat, files in (
        ("memory.max", "memory.current", "memory.stat", "file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_cache"),
    ):
        most, now = (_number(cgroups / name) for name in (limit, used))
        if most is not None and now is not None:
            return most - now + _lines(cgroups / stat).get(files, 0)
    return 2**62


def _number(path: Path) -> int | None:
    """Return the number in a small file; None where there is none, as where it says `max`."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> dict[str, int]:
    """Return the lines of a small file that are a name and a number, maybe with a unit."""
    try:
        lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        return {}
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}
