"""Tries inputs in a process of its own, since what is looked for ends processes; resumes after each end.

The child tells the number of the input that it is at in a shared page, and what became of the others in
lines of JSON.
"""

from __future__ import annotations

import json
import mmap
import queue
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fuzzing.bundles import NAME
from fuzzing.memory import grown_mib, rebase
from fuzzing.verdicts import Tally, Violation, keep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fuzzing.options import Options
    from fuzzing.verdicts import Case

__all__ = ["Target", "run_isolated"]

_HUNG_S = 30.0
_BATCH = 250
_WARM = 250
_AT = struct.Struct("<q")


class Target(Protocol):
    """What inputs are made for."""

    most_growth_mib: float | None
    most_seconds: float

    def case(self, chance: random.Random, number: int) -> Case:
        """Return an input, by chance and its number alone."""

    def attempt(self, case: Case) -> str:
        """Return how it ended; whatever is raised breaks the rule."""


def run_isolated(name: str, options: Options) -> Tally:
    """Return what became of the inputs of a target."""
    tally = Tally(name, options.seed, options.count_of(name))
    number, began = options.first, time.monotonic()
    last = options.first + tally.wanted
    while number < last and (left_s := began + options.seconds - time.monotonic()) > 0:
        number = _one_child(name, options, tally, number, last, left_s)
        tally.seconds = time.monotonic() - began
    return tally


def _one_child(name: str, options: Options, tally: Tally, first: int, last: int, left_s: float) -> int:
    """Run a child until it is through, out of time, or at its end; return the number to go on with."""
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "page"
        page.write_bytes(_AT.pack(first))
        command = [sys.executable, "-m", "fuzzing.isolated", name, str(options.seed), str(first), str(last)]
        command += [str(left_s), str(options.models), scratch, str(options.keep)]
        errors = (Path(scratch) / "errors").open("w+b")
        with errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child:  # noqa: S603 - our own module
            reached = _follow(child, page, tally, first)
            if child.wait() == 0:
                return min(last, reached)
            at = _AT.unpack(page.read_bytes())[0]
            errors.seek(0)
            why = (
                f"the process ended with {child.returncode}: {errors.read()[-500:].decode(errors='replace')}"
            )
    tally.exits += 1
    tally.tried += at - reached + 1
    _found(options, tally, name, at, why)
    return int(at) + 1


def _follow(child: subprocess.Popen[str], page: Path, tally: Tally, first: int) -> int:
    """Take in what the child tells, and end it where it hangs; return how far it told."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(child, lines), daemon=True).start()
    reached, seen, since = first, -1, time.monotonic()
    while True:
        try:
            line = lines.get(timeout=1.0)
        except queue.Empty:
            at = _AT.unpack(page.read_bytes())[0]
            if at != seen:
                seen, since = at, time.monotonic()
            elif time.monotonic() - since > _HUNG_S:
                child.kill()
            continue
        if line is None:
            return reached
        if line.startswith("{"):  # libraries print too
            reached = _take(json.loads(line), tally)


def _pump(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    for line in child.stdout or ():
        lines.put(line)
    lines.put(None)


def _take(told: dict[str, Any], tally: Tally) -> int:
    tally.tried += told["tried"]
    tally.ends.update(told["ends"])
    tally.growth_mib = tally.peak_mib = max(tally.growth_mib, told["growth_mib"])
    tally.most_growth_mib, tally.most_seconds = told["most_growth_mib"], told["most_seconds"]
    if told["slowest_s"] > tally.slowest_s:
        tally.slowest_s, tally.slowest = told["slowest_s"], told["slowest"]
    tally.violations += [Violation(number, why) for number, why in told["violations"]]
    return int(told["next"])


def _found(options: Options, tally: Tally, name: str, number: int, why: str) -> None:
    tally.violations.append(Violation(number, why))
    with tempfile.TemporaryDirectory() as scratch:
        case = _target(name, options.models, Path(scratch)).case(_chance(options.seed, number), number)
    sys.stdout.write(f"BROKEN: {keep(options.keep, tally, number, case, why)}: {why[-300:]}\n")


def _chance(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}-{number}")  # noqa: S311 - to be repeated


def _target(name: str, models: Path, scratch: Path) -> Target:
    if name == "arrow":
        from fuzzing.arrow_target import ArrowTarget  # noqa: PLC0415 - what one target needs no other has

        return ArrowTarget(models)
    from fuzzing.bundle_target import BundleTarget, HostileTarget  # noqa: PLC0415 - likewise

    return HostileTarget(scratch) if name == "hostile" else BundleTarget(models / NAME / "1", scratch)


class _Child:
    """Tries inputs and tells what became of them."""

    def __init__(self, name: str, seed: int, models: Path, scratch: Path, kept: Path) -> None:
        self._target = _target(name, models, scratch)
        self._tally = Tally(name, seed)
        self._kept = kept
        with (scratch / "page").open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _AT.size)

    def run(self, first: int, last: int, until: float) -> Iterator[dict[str, Any]]:
        """Yield what became of each batch."""
        for number in range(first, last):
            self._page[:] = _AT.pack(number)
            self._try(number)
            if number - first == _WARM:
                rebase()
            ends = number + 1 == last or time.monotonic() > until
            if ends or (number + 1 - first) % _BATCH == 0:
                yield self._told(number + 1, warm=number - first > _WARM)
            if ends:
                return

    def _try(self, number: int) -> None:
        tally = self._tally
        case = self._target.case(_chance(tally.seed, number), number)
        began = time.process_time()
        try:
            end = self._target.attempt(case)
        except Exception as error:  # noqa: BLE001 - the rule: nothing else is raised
            end = f"raised {type(error).__name__}"
            why = f"{type(error).__name__}: {error}"
            tally.violations.append(Violation(number, why[:500]))
            print(f"BROKEN: {keep(self._kept, tally, number, case, why)}: {why[:200]}", file=sys.stderr)
        seconds = time.process_time() - began
        if seconds > self._target.most_seconds:
            seconds = min(seconds, *(self._again(case) for _ in range(2)))
            if seconds > self._target.most_seconds:
                keep(self._kept, tally, number, case, f"took {seconds:.2f} s")
        tally.count(number, end, seconds)

    def _again(self, case: Case) -> float:
        began = time.process_time()
        with suppress(Exception):  # told the first time
            self._target.attempt(case)
        return time.process_time() - began

    def _told(self, reached: int, *, warm: bool) -> dict[str, Any]:
        tally = self._tally
        told = {
            "next": reached,
            "tried": tally.tried,
            "ends": dict(tally.ends),
            "slowest_s": tally.slowest_s,
            "slowest": tally.slowest,
            "growth_mib": grown_mib() if warm else 0.0,
            "most_growth_mib": self._target.most_growth_mib,
            "most_seconds": self._target.most_seconds,
            "violations": [(each.number, each.why) for each in tally.violations],
        }
        self._tally = Tally(tally.target, tally.seed)
        return told


def _main() -> None:
    name, seed, first, last, left_s, models, scratch, kept = sys.argv[1:]
    child = _Child(name, int(seed), Path(models), Path(scratch), Path(kept))
    for told in child.run(int(first), int(last), time.monotonic() + float(left_s)):
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    _main()
