from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.running import environment

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHORT = {
    "sklearn_training.py": ["--seeds", "1", "--max-steps", "20"],
    "torch_training.py": ["--seeds", "1", "--max-steps", "20", "--steps", "30"],
}
FIGURES = {"sklearn_training.py": 9, "torch_training.py": 5}
LINE = re.compile(r"^.{20} .{18} +\d+\.\d{3} +\d+\.\d{3} +[+-]\d+\.\d{3} (?:± \d+\.\d{3})? +(\d+) of (\d+)$")


def told(name: str, *flags: str) -> list[str]:
    """Return what an example prints."""
    done = subprocess.run(  # noqa: S603 - our own example
        [sys.executable, str(EXAMPLES / name), *flags],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def check(name: str, lines: list[str], seeds: int) -> None:
    """Each figure has its line, and the last line says of each that got worse that it did."""
    matches = [LINE.match(line) for line in lines[1:-1]]
    assert all(matches), lines
    assert [match[2] for match in matches if match] == [str(seeds)] * FIGURES[name]
    assert lines[-1].startswith("It hurts: ")
    worse = [line for line in lines[1:-1] if ("log loss" in line) != (" -" in line) and "0.000 " not in line]
    for line in worse:
        assert f"{line[:20].strip()}: {line[21:39].strip()}" in lines[-1]


@pytest.mark.parametrize("name", SHORT)
def test_an_example_runs(name: str) -> None:
    """Trained for a moment, it says of each figure what it was without and with synthetic rows."""
    check(name, told(name, *SHORT[name]), seeds=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_an_example_runs_as_it_is_written(name: str) -> None:
    """With its defaults as well, over three seeds."""
    check(name, told(name), seeds=3)


@pytest.mark.slow
def test_the_torch_example_runs_with_workers() -> None:
    """Processes of a DataLoader give the network what it learns from, to the same end."""
    flags = SHORT["torch_training.py"]
    check("torch_training.py", told("torch_training.py", *flags, "--workers", "2"), seeds=1)
