"""Ten times the load a server can bear: what it still does, how it refuses, how it is afterwards.

The load is an open loop: calls come at their times whether or not earlier ones were answered, from several
clients, and nobody heeds a refusal. Peak is what the same calls get in a closed loop,
before and after: what else runs on the machine changes with time.

The model is one of Adult. The smaller the model, the more calls a second are ten times the load, and the more
of the processors those take that refuse them and that send them: `--small` is the other end, four columns.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from augment_proto.reasons import Reason
from augment_proto.refusal import unpack
from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from serving.host import MODEL, hosting, machine
from serving.subjects import ADULT, CACHE, adult_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.queues import Queue

    from serving.host import Host

_TIMES = 10
_DEADLINE_S = 30.0
_CLOSED_LOOP = 8
_QUIET_CALLS = 5


@dataclass
class Seen:
    """What became of the calls of one phase."""

    rows: int = 0
    refused_s: list[float] = field(default_factory=list)
    other: dict[str, int] = field(default_factory=dict)

    def fail(self, error: Any, seconds: float) -> None:
        """Count a failed call: a refusal as it must be, or something else."""
        status = rpc_status.from_call(error)
        refusal = unpack(status) if status is not None else None
        if refusal is not None and refusal.reason is Reason.OVERLOADED and refusal.retry_after_s:
            self.refused_s.append(seconds)
        else:
            self.other[error.code().name] = self.other.get(error.code().name, 0) + 1


async def call(stub: Any, request: pb.GenerateRequest, seen: Seen) -> None:
    """Make one call to its end."""
    began = time.monotonic()
    try:
        async for message in stub.Generate(request, timeout=_DEADLINE_S):
            seen.rows += message.chunk.row_count
    except grpc.aio.AioRpcError as error:
        seen.fail(error, time.monotonic() - began)


async def peak(stub: Any, request: pb.GenerateRequest, seconds: float) -> float:
    """Return rows a second in a closed loop."""
    seen, began = Seen(), time.monotonic()

    async def loop() -> None:
        while time.monotonic() - began < seconds:
            await call(stub, request, seen)

    await asyncio.gather(*(loop() for _ in range(_CLOSED_LOOP)))
    return seen.rows / (time.monotonic() - began)


async def flood(stub: Any, request: pb.GenerateRequest, rate: float, seconds: float) -> tuple[Seen, float]:
    """Send calls at `rate` a second; returns what was seen until the last arrival, and rows a second."""
    seen, began = Seen(), time.monotonic()
    calls = set()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait_s := due - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        task = asyncio.create_task(call(stub, request, seen))
        calls.add(task)
        task.add_done_callback(calls.discard)
    goodput = seen.rows / (time.monotonic() - began)
    ended = time.monotonic()
    await asyncio.gather(*calls)
    print(f"  the last admitted call was answered {time.monotonic() - ended:.1f} s after the flood")
    return seen, goodput


async def quiet(stub: Any, request: pb.GenerateRequest) -> float:
    """Return the median seconds of calls one after another."""
    taken = []
    for _ in range(_QUIET_CALLS):
        began, seen = time.monotonic(), Seen()
        await call(stub, request, seen)
        taken.append(time.monotonic() - began if seen.rows else _DEADLINE_S)
    return float(np.median(taken))


def probe(target: str, ends: float, told: Queue[list[tuple[str, float]]]) -> None:
    """Ask for health ten times a second until `ends`; tells statuses and seconds."""
    found = []
    with grpc.insecure_channel(target) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < ends:
            began = time.monotonic()
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
            name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
            found.append((name, time.monotonic() - began))
            time.sleep(0.1)
    told.put(found)


async def measure(host: Host, options: argparse.Namespace) -> None:
    """Run the phases and print the figures."""
    request = pb.GenerateRequest(model=options.model, rows=options.rows, seed=1, sampler=options.sampler)
    async with grpc.aio.insecure_channel(host.target) as channel:
        stub = AugmentServiceStub(channel)
        await quiet(stub, request)
        before_s = await quiet(stub, request)
        best = await peak(stub, request, options.seconds / 2)
        rate = _TIMES * best / options.rows
        print(f"peak {best:,.0f} rows/s; flood of {rate:.0f} calls/s, {options.rows} rows each")
        context = multiprocessing.get_context("spawn")
        told: Queue[list[tuple[str, float]]] = context.Queue()
        prober = context.Process(target=probe, args=(host.target, time.monotonic() + options.seconds, told))
        prober.start()
        seen, goodput = await flood(stub, request, rate, options.seconds)
        recovered_s = await recovery(stub, request, before_s)
        health = await asyncio.to_thread(told.get)
        again = await peak(stub, request, options.seconds / 2)
        prober.join()
    print(
        f"  peak before {best:,.0f}, after {again:,.0f} rows/s; between them {goodput:,.0f} rows/s of goodput"
    )
    show("goodput of the mean of both", f"{200 * goodput / (best + again):.0f} %", ">= 90 %")
    show("calls refused / ended otherwise", f"{len(seen.refused_s)} / {seen.other or 0}", "- / 0")
    show("refusals, at the client, ms", spread(seen.refused_s), "<= 10")
    show("refusals, in the server, ms", spread(refused_in_server(host)), "<= 10")
    show("health", ", ".join({name for name, _ in health}), "SERVING")
    show("health answers, ms", spread([seconds for _, seconds in health]), "<= 100")
    show("recovered after", f"{recovered_s:.1f} s", "<= 5 s")


async def recovery(stub: Any, request: pb.GenerateRequest, before_s: float) -> float:
    """Return the seconds until a call takes at most twice what it took before."""
    began = time.monotonic()
    while True:
        started, seen = time.monotonic(), Seen()
        await call(stub, request, seen)
        if seen.rows and time.monotonic() - started <= 2 * before_s:
            return started - began
        await asyncio.sleep(0.05)


def refused_in_server(host: Host) -> list[float]:
    """Return the seconds that refusals took in the server, by its log."""
    lines = [line for line in host.lines() if line.get("reason") == "OVERLOADED"]
    return [float(str(line["ms"])) / 1000 for line in lines]


def spread(seconds: Sequence[float]) -> str:
    """Return median, 99th percentile and maximum in milliseconds."""
    if not seconds:
        return "none"
    values = np.percentile(seconds, [50, 99, 100]) * 1000
    return "median {:.1f}, p99 {:.1f}, max {:.1f}".format(*values)


def show(what: str, value: str, target: str) -> None:
    """Print one figure beside its target."""
    print(f"  {what:36s} {value:44s} target {target}")


def main() -> None:
    """Measure as the flags say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ADULT, help="Adult, to train the bundle on")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where that bundle stays")
    parser.add_argument("--small", action="store_true", help="a small model instead, trained for a moment")
    parser.add_argument("--models", type=Path, help="a models directory of one's own instead")
    parser.add_argument("--model", help="which of its models")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the flood; default: %(default)s")
    parser.add_argument("--rows", type=int, default=8192, help="of one call; default: %(default)s")
    parser.add_argument("--sampler", default="", help="default: the model's own")
    options = parser.parse_args()
    if not (options.data.is_file() or options.models or options.small):
        print(f"{options.data} is not there: a small model, trained for a moment, instead of Adult's")
        options.small = True
    if options.models is None and not options.small:
        bundle = adult_bundle(options.data, options.cache)
        options.models, options.model = bundle.parents[1], bundle.parent.name
    options.model = options.model or MODEL
    print(f"{machine()}; {options.model}, {options.seconds:.0f} s")
    with hosting(options.models) as host:
        asyncio.run(measure(host, options))


if __name__ == "__main__":
    main()
