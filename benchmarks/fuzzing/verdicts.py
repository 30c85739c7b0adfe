"""What became of inputs: how many ended how, how long the slowest took, and what broke the rule."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["MAX_SECONDS", "MESSAGE_MIB", "Case", "Tally", "Violation", "keep", "summary"]

MAX_SECONDS = 1.0
"""Longer is a hang."""

MESSAGE_MIB = 16
"""The largest message; a server may grow by twice as much."""


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        name: What it is for, e.g. a method.
        files: Its bytes, by file name.
    """

    name: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Violation:
    """An input that broke the rule.

    Attributes:
        number: Of the input.
        why: What it did.
    """

    number: int
    why: str


@dataclass
class Tally:
    """What became of the inputs of one target.

    Attributes:
        target: Its name.
        seed: Of the inputs.
        tried: How many.
        wanted: How many were to be tried.
        seconds: How long that took.
        ends: How often each end came.
        slowest_s: The longest time that one took, at the best of three: of a call, as its caller sees it; of
            what runs in a process of its own, the time of its processors.
        slowest: The number of that one.
        growth_mib: By how much the process had grown at most, after one of them.
        peak_mib: Likewise in the midst of calls, which is only told.
        most_growth_mib: By how much it may; None: that is only told.
        most_seconds: How long one may take.
        exits: How often the process ended.
        violations: What broke the rule.
    """

    target: str
    seed: int
    wanted: int = 0
    tried: int = 0
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: int = 0
    growth_mib: float = 0.0
    peak_mib: float = 0.0
    most_growth_mib: float | None = None
    most_seconds: float = MAX_SECONDS
    exits: int = 0
    violations: list[Violation] = field(default_factory=list)

    def count(self, number: int, end: str, seconds: float) -> None:
        """Count one input."""
        self.tried += 1
        self.ends[end] += 1
        if seconds > self.slowest_s:
            self.slowest_s, self.slowest = seconds, number

    def is_slow(self) -> bool:
        """Return whether one took too long."""
        return self.slowest_s > self.most_seconds

    def is_large(self) -> bool:
        """Return whether the process grew by too much."""
        return self.most_growth_mib is not None and self.growth_mib > self.most_growth_mib

    def holds(self) -> bool:
        """Return whether the rule holds."""
        return not (self.exits or self.violations or self.is_slow() or self.is_large())


def keep(directory: Path, tally: Tally, number: int, case: Case, why: str) -> Path:
    """Write an input down, with the command that tries it again."""
    place = directory / f"{tally.target}-{tally.seed}-{number}"
    place.mkdir(parents=True, exist_ok=True)
    for name, data in case.files.items():
        (place / name).write_bytes(data)
    again = f"--only {tally.target} --seed {tally.seed} --first {number} --count 1"
    told = {"target": tally.target, "name": case.name, "why": why, "again": f'make fuzz FUZZ_ARGS="{again}"'}
    (place / "why.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    return place


def summary(tally: Tally) -> str:
    """Return one target's verdicts beside the rule, as lines of a Markdown table."""
    rate = tally.tried / tally.seconds if tally.seconds else 0.0
    ends = ", ".join(f"{end} {count:,}" for end, count in tally.ends.most_common(12))
    may = "only told" if tally.most_growth_mib is None else f"at most {tally.most_growth_mib:.0f}"
    rows = (
        ("inputs", f"{tally.wanted:,} wanted", f"{tally.tried:,} ({rate:,.0f} a second, seed {tally.seed})"),
        ("exits", "0", f"{tally.exits}"),
        ("slowest, s", f"at most {tally.most_seconds:g}", f"{tally.slowest_s:.3f} (number {tally.slowest})"),
        ("growth, MiB", may, f"{tally.growth_mib:.0f} (peak {tally.peak_mib:.0f})"),
        ("broke the rule", "0", f"{len(tally.violations)}"),
        ("ends", "", ends),
    )
    verdict = "holds" if tally.holds() else "BROKEN"
    head = f"\n## {tally.target}: {verdict}\n| what | rule | found |\n|---|---|---|\n"
    return head + "\n".join(f"| {what} | {rule} | {found} |" for what, rule, found in rows)
