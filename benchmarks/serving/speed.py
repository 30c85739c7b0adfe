"""`python -m serving.speed`: how much of the runtime's speed arrives at a client, and how soon.

Server, client and the runtime that they are held against are processes of their own. Served runs and those in
process alternate (A B A B ...); ratios are of medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.runtime import Model
from augment_client import AsyncClient, Client
from serving.host import machine
from serving.processes import ServedProcess
from serving.ready import ready_batches
from serving.speed_page import page, plot
from serving.streaming import memory_of_a_stream
from serving.subjects import ADULT, CACHE, adult_bundle
from serving.together import PATIENT, hammer, together

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

_BENCHMARKS = Path(__file__).resolve().parents[1]
_IN_FLIGHT = (1, 2, 4, 8, 16, 32, 64, 128)
_UNARY_ROWS = 100


def main() -> None:
    """Measure, print each figure beside its target, and write the page with its plot."""
    options = _parser().parse_args()
    if options.inside:
        _inside(options.bundle, json.loads(options.inside))
        return
    if options.quick:
        options.rounds, options.calls, options.seconds, options.memory_rows = 1, 40, 1.0, 300_000
        options.rows = {"vae": 100_000, "denoiser": 4_000}
    bundle = options.bundle or adult_bundle(options.data, options.cache)
    figures: dict[str, Any] = {"machine": machine(), "bundle": f"{bundle.parent.name}/{bundle.name}"}
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "server.log"
        with ServedProcess(bundle.parents[1], log, *PATIENT) as server:
            figures |= {
                "streams": _streams(bundle, server.target, options.rows, options.rounds),
                "first batch": _first_batch(bundle, server.target, options.calls),
                "unary": _unary(bundle, server.target, options.calls),
                "in flight": asyncio.run(_in_flight(bundle, server.target, options.seconds)),
                "memory": memory_of_a_stream(server, bundle.parent.name, options.memory_rows),
            }
        figures["together"] = together(bundle, Path(scratch), options.seconds, options.rounds)
        figures["ready"] = ready_batches(bundle, options.rounds)
    figures["load at the end"] = machine()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(page(figures))
    plot(figures, options.out.with_suffix(".png"))
    print(page(figures))


def _streams(bundle: Path, target: str, rows: dict[str, int], rounds: int) -> dict[str, Any]:
    """Return rows a second, served and in process, by sampler."""
    name, found = bundle.parent.name, {}
    for sampler, count in rows.items():
        asked = {"what": "stream", "sampler": sampler, "rows": count}
        served, inside = [], []
        for round_ in range(rounds):
            with Client(target) as client:
                served.append(_rate(partial(_drain, client, name, sampler, count, round_), count))
            inside.append(float(_asked_inside(bundle, asked)[0]))
        found[sampler] = {
            "rows": count,
            "served rows/s": _spread(served),
            "in process rows/s": _spread(inside),
            "ratio": float(np.median(served) / np.median(inside)),
        }
        print(sampler, found[sampler], flush=True)
    return found


def _drain(client: Client, name: str, sampler: str, rows: int, seed: int) -> None:
    with client.generate_batches(name, rows, seed=seed, sampler=sampler) as stream:
        if sum(batch.num_rows for batch in stream) != rows:
            raise AssertionError("rows are missing")


def _rate(work: Callable[[], None], rows: int) -> float:
    begun = time.perf_counter()
    work()
    return rows / (time.perf_counter() - begun)


def _first_batch(bundle: Path, target: str, calls: int) -> dict[str, Any]:
    """Return how long it takes to the first batch of a warm stream, in milliseconds, by sampler."""
    found, name = {}, bundle.parent.name
    with Client(target) as client:
        for sampler in client.model(name).samplers:
            seconds = []
            for seed in range(calls):
                begun = time.perf_counter()
                with client.generate_batches(name, 2_000, seed=seed, sampler=sampler) as stream:
                    next(stream)
                    seconds.append(time.perf_counter() - begun)
                    sum(
                        batch.num_rows for batch in stream
                    )  # what is cut off would be computed beside the next
            found[sampler] = _milliseconds(seconds[calls // 10 :])
            print("first batch", sampler, found[sampler], flush=True)
    return found


def _unary(bundle: Path, target: str, calls: int) -> dict[str, Any]:
    """Return how long calls of 100 rows take one after the other, beside the runtime's own calls."""
    found, name = {}, bundle.parent.name
    records = Model.open(bundle).generate(_UNARY_ROWS, seed=1)
    with Client(target) as client:
        for operation in ("encode", "score", "denoise"):
            served = []
            for _ in range(calls):
                begun = time.perf_counter()
                getattr(client, operation)(name, records)
                served.append(time.perf_counter() - begun)
            inside = _asked_inside(bundle, {"what": operation, "calls": calls})
            over = (np.median(served[calls // 10 :]) - np.median(inside)) * 1000
            found[operation] = {
                "served": _milliseconds(served[calls // 10 :]),
                "in process": _milliseconds(inside),
                "p50 over the runtime, ms": round(float(over), 2),
            }
            print("unary", operation, found[operation], flush=True)
    return found


async def _in_flight(bundle: Path, target: str, seconds: float) -> dict[str, Any]:
    """Return calls a second and their latency, by how many are in flight."""
    name, found = bundle.parent.name, {}
    records = Model.open(bundle).generate(_UNARY_ROWS, seed=1)
    for operation in ("encode", "denoise"):
        for count in _IN_FLIGHT:
            async with AsyncClient(target) as client:
                latencies, taken_s = await hammer(client, operation, name, records, count, seconds)
            rate = len(latencies) / taken_s
            found[f"{operation}, {count}"] = {"calls/s": round(rate), **_milliseconds(latencies)}
            print("in flight", operation, count, found[f"{operation}, {count}"], flush=True)
    return found


def _asked_inside(bundle: Path, asked: dict[str, Any]) -> list[float]:
    """Measure the runtime in a process of its own."""
    command = [sys.executable, "-m", "serving.speed", "--bundle", str(bundle), "--inside", json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own module
    found: list[float] = json.loads(done.stdout)
    return found


def _inside(bundle: Path, asked: dict[str, Any]) -> None:
    """Print rows a second of the runtime's own stream, or the seconds of its calls."""
    model = Model.open(bundle)
    if asked["what"] == "stream":
        sampler, rows = asked["sampler"], asked["rows"]
        next(model.generate_batches(1, sampler=sampler))

        def drain() -> None:
            batches = model.generate_batches(rows, sampler=sampler, max_rows=4096)
            if sum(batch.num_rows for batch in batches) != rows:
                raise AssertionError("rows are missing")

        print(json.dumps([_rate(drain, rows)]))
        return
    records = model.generate(_UNARY_ROWS, seed=1)
    seconds = []
    for _ in range(asked["calls"]):
        begun = time.perf_counter()
        getattr(model, asked["what"])(records)
        seconds.append(time.perf_counter() - begun)
    print(json.dumps(seconds[asked["calls"] // 10 :]))


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    told = {f"p{percent}": np.percentile(seconds, percent) * 1000 for percent in (50, 99)}
    return {key: round(float(value), 2) for key, value in told.items()}


def _spread(rates: list[float]) -> dict[str, int]:
    return {"median": round(np.median(rates)), "least": round(min(rates)), "most": round(max(rates))}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.speed", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=ADULT, help="Adult, to train the bundle on")
    add("--bundle", type=Path, help="a bundle of one's own instead, <name>/<version>")
    add("--cache", type=Path, default=CACHE, help="where the bundle stays")
    add("--out", type=Path, default=_BENCHMARKS / "results" / "serving.json", help="where the figures go")
    add("--rounds", type=int, default=5, help="of streams, served and in process")
    add("--calls", type=int, default=200, help="of each unary operation")
    add("--seconds", type=float, default=5.0, help="of each number in flight")
    add("--rows", type=json.loads, default={"vae": 1_000_000, "denoiser": 60_000}, help="of streams, as JSON")
    add("--memory-rows", type=int, default=10_000_000, help="of the stream whose memory is watched")
    add("--quick", action="store_true", help="few rounds: whether it runs, not how fast it is")
    add("--inside", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
