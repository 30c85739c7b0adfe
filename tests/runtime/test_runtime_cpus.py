"""Threads follow what the container may use, not what the host has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from augment.cpus import available_cpus

if TYPE_CHECKING:
    from pathlib import Path

HERE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("150000 100000", min(2, HERE)),
        ("max 100000", HERE),
        ("9900000 100000", min(99, HERE)),
        ("", HERE),
        ("1 0", HERE),
        ("garbage \N{SNOWMAN}", HERE),
    ],
)
def test_a_quota_is_followed(tmp_path: Path, text: str, expected: int) -> None:
    """Cgroup v2: quota over period, rounded up, at least 1, at most the CPUs there are."""
    (tmp_path / "cpu.max").write_text(text, encoding="utf-8")
    assert available_cpus(tmp_path) == expected


def test_an_older_quota_is_followed(tmp_path: Path) -> None:
    """Cgroup v1 has two files; -1 is no quota."""
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert available_cpus(tmp_path) == 1
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert available_cpus(tmp_path) == HERE


def test_without_a_control_group_the_affinity_counts(tmp_path: Path) -> None:
    """No files, no quota."""
    assert available_cpus(tmp_path) == HERE
