"""`make bench-scale`: steps on all engines, one worker beside two, memory by rows, and a projection.

Each run is a process of its own, whose children count with it. Prints Markdown, and writes it to `--out`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from scale.subjects import flights_bundle
from serving.host import machine
from serving.processes import ServedProcess

_BENCHMARKS = Path(__file__).resolve().parents[1]
_ALL = (
    {"do": "denoise"},
    {"do": "augment", "factor": 1.5},
    {"do": "encode"},
    {"do": "score"},
)
_TARGET = 1.7


def main() -> None:
    """Measure what is asked for."""
    options = _parser().parse_args()
    if options.run:
        _run(json.loads(options.run))
        return
    table, bundle = flights_bundle(options.data, options.cache)
    lines = ["# Steps at scale", "", f"Printed by `make bench-scale`; {machine()} when it began.", ""]
    with tempfile.TemporaryDirectory(dir=options.cache) as scratch:
        for part in options.only:
            lines += _PARTS[part](table, bundle, Path(scratch), options)
            print("\n".join(lines[-12:]), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _engines(table: Path, bundle: Path, scratch: Path, options: argparse.Namespace) -> list[str]:
    """Return the table of one step with all operations on every engine."""
    lines = [
        "## All operations on every engine",
        "",
        "The flights table: cells repaired, half as many synthetic rows added, latent vectors and scores",
        "appended.",
        "The digest is of all parts' sha256.",
        "",
        "| engine | rows | s | parts' digest |",
        "|---|--:|--:|---|",
    ]
    with ServedProcess(bundle.parents[1], scratch / "server.log", "--max-queue-s", "600") as server:
        for engine in options.engines:
            step = _step(table, bundle, scratch / engine, _ALL, workers=2, engine=engine)
            told = _measured(step | ({"server": server.target} if engine == "server" else {}))
            lines.append(f"| `{engine}` | {told['rows']:,} | {told['seconds']:.0f} | `{told['digest']}` |")
            print(lines[-1], flush=True)
    return [*lines, ""]


def _workers(_: Path, bundle: Path, scratch: Path, options: argparse.Namespace) -> list[str]:
    """Return what a second worker is worth, in turns."""
    rates: dict[str, list[float]] = {}
    for turn in range(options.rounds):
        for sampler, rows in (("denoiser", options.rows // 4), ("vae", options.rows)):
            for workers in (1, 2):
                made = ({"do": "augment", "rows": rows, "sampler": sampler},)
                out = scratch / f"{sampler}-{workers}-{turn}"
                told = _measured(_step(None, bundle, out, made, workers=workers, seed=turn, cpus=workers))
                rates.setdefault(f"{sampler} {workers}", []).append(told["rows"] / told["working_s"])
    lines = [
        "## A second worker",
        "",
        f"Synthetic rows, {options.rows:,} by `vae`, a quarter by `denoiser`; {options.rounds} turns,",
        "from the first part to the last, so without the workers' start. One worker has one CPU, two two.",
        "",
        f"| sampler | 1 worker, rows/s | 2 workers, rows/s | ratio, aim {_TARGET} |",
        "|---|--:|--:|--:|",
    ]
    for sampler in ("denoiser", "vae"):
        one, two = (rates[f"{sampler} {workers}"] for workers in (1, 2))
        ratio = median(two) / median(one)
        lines.append(f"| `{sampler}` | {_spread(one)} | {_spread(two)} | {ratio:.2f} |")
    return [*lines, ""]


def _memory(_: Path, bundle: Path, scratch: Path, options: argparse.Namespace) -> list[str]:
    """Return peak memory by rows, and what 10^11 would take."""
    lines = [
        "## Memory by rows",
        "",
        "Synthetic rows by `vae`, 2 workers; peak of all processes together, of the driver alone, MiB.",
        "",
        "| rows | s | CPU s a million rows | MiB of Parquet | all, MiB | driver, MiB |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    told: dict[str, Any] = {}
    for rows in options.memory_rows:
        made = ({"do": "augment", "rows": rows, "sampler": "vae"},)
        told = _measured(_step(None, bundle, scratch / f"memory-{rows}", made, workers=2))
        lines.append(
            f"| {rows:,} | {told['seconds']:.0f} | {told['cpu_s'] / rows * 1e6:.1f} "
            f"| {told['bytes'] / 2**20:,.0f} "
            f"| {told['peak_mib']:.0f} | {told['driver_mib']:.0f} |"
        )
        print(lines[-1], flush=True)
    return [*lines, "", *_projection(told, options.memory_rows[-1])]


def _projection(told: dict[str, Any], rows: int) -> list[str]:
    """Return 10^11 rows on paper, from the largest run."""
    goal = 10**11
    share = goal / rows
    hours, size_tib = told["cpu_s"] * share / 3600, told["bytes"] * share / 2**40
    return [
        f"On paper, 10^11 rows at these costs: {told['parts'] * share:,.0f} parts, {hours:,.0f} CPU hours",
        f"({hours / 1000:,.1f} hours on 1,000 CPUs), {size_tib:,.1f} TiB of Parquet, and a manifest of",
        f"{told['manifest'] * share / 2**30:,.1f} GiB, which its driver writes as one text: it breaks first.",
        "Larger parts (`part_rows` up to 1,048,576) make it smaller by as much; after that, several steps",
        "with seeds of their own.",
        "",
    ]


_PARTS = {"engines": _engines, "workers": _workers, "memory": _memory}


def _step(
    table: Path | None, bundle: Path, output: Path, operations: tuple[dict[str, Any], ...], **more: Any
) -> dict[str, Any]:
    given = {} if table is None else {"input": str(table)}
    where = {"model": bundle.parent.name, "models": str(bundle.parents[1])}
    return {**where, "output": str(output), "operations": list(operations), **given, **more}


def _measured(step: dict[str, Any]) -> dict[str, Any]:
    """Return what a run in a process of its own says, and what the system says of it and its children."""
    command = [sys.executable, "-m", "scale", "--run", json.dumps(step)]
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
    peaks = {"peak_mib": 0.0, "driver_mib": 0.0}
    watching = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
    watching.start()
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a run failed: {step}")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return {"seconds": time.monotonic() - begun, **found, **peaks}


def _watch(process: subprocess.Popen[str], peaks: dict[str, float]) -> None:
    """Keep the most memory that a process had, and it with its children, while it runs."""
    while process.poll() is None:
        own = _rss_mib(process.pid)
        whole = own + sum(_rss_mib(child) for child in _children(process.pid))
        peaks["driver_mib"], peaks["peak_mib"] = max(peaks["driver_mib"], own), max(peaks["peak_mib"], whole)
        time.sleep(0.2)


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text(encoding="ascii").split()
        ]
    except OSError:
        return []


def _rss_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def _run(step: dict[str, Any]) -> None:
    """Run a step, and print what it came to."""
    from augment.scale.config import StepConfig  # noqa: PLC0415 - only in the run itself
    from augment.scale.run import run_step  # noqa: PLC0415 - as above

    if cpus := step.pop("cpus", None):  # as if the machine had no more
        os.sched_setaffinity(0, range(cpus))

    class Clock:
        """When the first part was there, and the last."""

        times: list[float] = []  # noqa: RUF012 - one run a process
        rows = 0

        def on_plan(self, *_: object, **__: object) -> None:
            """Nothing yet."""

        def on_part(self, _made: object, rows: int) -> None:
            """A part is there."""
            self.times.append(time.monotonic())
            Clock.rows = rows if len(self.times) == 1 else Clock.rows

    clock = Clock()
    outcome = run_step(StepConfig.model_validate(step), watcher=clock)
    parts = outcome.manifest["parts"]
    digest = hashlib.sha256("".join(part["sha256"] for part in parts).encode()).hexdigest()
    spent = os.times()
    told = {
        "rows": outcome.rows,
        "parts": len(parts),
        "digest": digest[:16],
        "bytes": sum(part["bytes"] for part in parts),
        "manifest": len(json.dumps(outcome.manifest)),
        "working_s": (clock.times[-1] - clock.times[0]) * outcome.rows / max(1, outcome.rows - Clock.rows),
        "cpu_s": spent.user + spent.system + spent.children_user + spent.children_system,
    }
    print(json.dumps(told))


def _spread(rates: list[float]) -> str:
    return f"{median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scale", description=__doc__)
    add = parser.add_argument
    data = _BENCHMARKS.parents[1] / "shared" / "data" / "tabular" / "nycflights13_flights.csv.gz"
    add("--data", type=Path, default=data, help="the flights table")
    add("--cache", type=Path, default=_BENCHMARKS / ".cache" / "scale", help="where table and bundle stay")
    add("--out", type=Path, default=_BENCHMARKS / "results" / "scale.md", help="where the page goes")
    add("--only", nargs="+", choices=_PARTS, default=list(_PARTS), help="which parts")
    add("--engines", nargs="+", default=["local", "server", "ray", "spark"], help="of the first part")
    add("--rows", type=int, default=2_000_000, help="of the second part")
    add("--rounds", type=int, default=3, help="of the second part")
    add("--memory-rows", type=int, nargs="+", default=[1_000_000, 10_000_000], help="of the third part")
    add("--run", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
