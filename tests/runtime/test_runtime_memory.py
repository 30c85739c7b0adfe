"""Laws of how much memory there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from augment.runtime.memory import available_memory

if TYPE_CHECKING:
    from pathlib import Path

_FREE = "MemTotal:       2000 kB\nMemFree:         100 kB\nMemAvailable:   1000 kB\n"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, 1_024_000),
        ({"memory.max": "max\n", "memory.current": "5"}, 1_024_000),
        (
            {"memory.max": "600000\n", "memory.current": "500000", "memory.stat": "anon 1\nfile 300000\n"},
            400_000,
        ),
        ({"memory.max": "600000\n", "memory.current": "700000"}, 0),
        ({"memory/memory.limit_in_bytes": "9000", "memory/memory.usage_in_bytes": "8000"}, 1000),
    ],
)
def test_a_container_s_limit_cuts_what_the_system_has(
    files: dict[str, str], wanted: int, tmp_path: Path
) -> None:
    """Limit less use, of either version of control groups; cached files count as free; never below 0."""
    (tmp_path / "meminfo").write_text(_FREE)
    (tmp_path / "groups" / "memory").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / "groups" / name).write_text(text)
    assert available_memory(tmp_path / "groups", tmp_path / "meminfo") == wanted


def test_this_machine_has_some(tmp_path: Path) -> None:
    """Also where nothing can be read."""
    assert available_memory() > 2**20
    assert available_memory(tmp_path, tmp_path / "none") > 2**20
