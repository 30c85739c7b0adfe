"""`python -m serving.workers`: what several server processes on one port are worth, in turns with one.

Callers are processes of their own, each with its own connection, since a connection stays with its worker. On
two processors this measures little: callers and workers share them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from augment.cpus import available_cpus
from augment.runtime import Model
from augment_client import AsyncClient
from serving.host import machine
from serving.processes import ServedProcess
from serving.subjects import ADULT, CACHE, adult_bundle
from serving.together import PATIENT, hammer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_OPERATIONS = ("encode", "denoise")
_IN_FLIGHT = 8


def main() -> None:
    """Measure, and print calls a second by operation and number of workers."""
    options = _parser().parse_args()
    bundle = options.bundle or adult_bundle(options.data, options.cache)
    if options.call:
        print(json.dumps(asyncio.run(_rate(options.call, options.operation, bundle, options.seconds))))
        return
    print(f"{machine()}; {options.callers} callers with {_IN_FLIGHT} calls of 100 rows in flight each\n")
    print(
        "| operation | " + " | ".join(f"{count} workers, calls/s" for count in options.workers) + " | ratio |"
    )
    print("|---|" + "--:|" * (len(options.workers) + 1))
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        targets = [
            stack.enter_context(
                ServedProcess(
                    bundle.parents[1], Path(scratch) / f"{count}.log", *PATIENT, "--workers", str(count)
                )
            ).target
            for count in options.workers
        ]
        for operation in _OPERATIONS:
            rates: list[list[float]] = [[] for _ in targets]
            for _ in range(options.rounds):
                for found, target in zip(rates, targets, strict=True):
                    found.append(_together(target, operation, options, bundle))
            _print(operation, rates)


def _print(operation: str, rates: Sequence[Sequence[float]]) -> None:
    told = [f"{np.median(each):,.0f} ({min(each):,.0f} to {max(each):,.0f})" for each in rates]
    ratio = np.median(rates[-1]) / np.median(rates[0])
    print(f"| {operation} | {' | '.join(told)} | {ratio:.2f} |", flush=True)


def _together(target: str, operation: str, options: argparse.Namespace, bundle: Path) -> float:
    """Return the calls a second of all callers."""
    command = [sys.executable, "-m", "serving.workers", "--bundle", str(bundle), "--call", target]
    command += ["--operation", operation, "--seconds", str(options.seconds)]
    callers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        for _ in range(options.callers)
    ]
    told = [caller.communicate()[0] for caller in callers]
    if any(caller.returncode for caller in callers):
        raise SystemExit("a caller failed")
    return float(sum(json.loads(line) for line in told))


async def _rate(target: str, operation: str, bundle: Path, seconds: float) -> float:
    records = Model.open(bundle, replay_golden=False).generate(100, seed=1)
    async with AsyncClient(target) as client:
        latencies, taken_s = await hammer(client, operation, bundle.parent.name, records, _IN_FLIGHT, seconds)
    return len(latencies) / taken_s


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.workers", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=ADULT, help="Adult, to train the bundle on")
    add("--bundle", type=Path, help="a bundle of one's own instead, <name>/<version>")
    add("--cache", type=Path, default=CACHE, help="where the bundle stays")
    add("--workers", type=int, nargs="+", default=[1, max(2, available_cpus())], help="numbers of workers")
    add("--callers", type=int, default=4, help="processes that call")
    add("--rounds", type=int, default=3, help="in turns")
    add("--seconds", type=float, default=5.0, help="of each measurement")
    add("--call", help=argparse.SUPPRESS)
    add("--operation", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
