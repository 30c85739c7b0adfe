"""What 10,000 cancelled streams leave behind in a server: memory, and calls or work that goes on."""

from __future__ import annotations

import argparse
import asyncio
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import grpc

from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from serving.host import add_models_flag, hosting, machine

if TYPE_CHECKING:
    from serving.host import Host

_ROWS = 100_000_000
_AT_A_TIME = 8
_WARM = 500


async def cancel_some(host: Host, model: str, count: int) -> int:
    """Open streams, cancel each soon, or once its header came; return how many were refused."""
    left, refused = count, 0

    async def one_after_another(stub: Any) -> None:
        nonlocal left, refused
        while left > 0:
            left -= 1
            call = stub.Generate(pb.GenerateRequest(model=model, rows=_ROWS, seed=left))
            try:
                if left % 2:
                    await call.read()
                else:
                    await asyncio.wait_for(asyncio.shield(call.initial_metadata()), 0.005)
            except TimeoutError:
                pass
            except grpc.aio.AioRpcError:
                refused += 1
            call.cancel()

    async with grpc.aio.insecure_channel(host.target) as channel:
        stub: Any = AugmentServiceStub(channel)
        await asyncio.gather(*(one_after_another(stub) for _ in range(_AT_A_TIME)))
    return refused


def gauges(host: Host) -> dict[str, float]:
    """Return the server's own figures of what waits and runs."""
    with urllib.request.urlopen(f"http://127.0.0.1:{host.metrics_port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    wanted = ("augment_queue_depth", "augment_running", "augment_calls_in_flight")
    return {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith(wanted)}


def main() -> None:
    """Measure as the flags say."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_models_flag(parser)
    parser.add_argument("--streams", type=int, default=10_000, help="default: %(default)s")
    options = parser.parse_args()
    print(machine())
    with hosting(options.models) as host:
        asyncio.run(cancel_some(host, options.model, _WARM))
        time.sleep(1)
        before = host.memory_mib()
        refused = asyncio.run(cancel_some(host, options.model, options.streams))
        time.sleep(1)
        more = host.memory_mib() - before
        print(f"  {options.streams} cancelled streams, {refused} refused: {more:.1f} MiB more; target <= 20")
        print(f"  left behind: {gauges(host)}; target 0")


if __name__ == "__main__":
    main()
