"""What computing small calls together is worth: 64 in flight, at two servers in turns."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.runtime import Model
from augment_client import AsyncClient
from serving.processes import ServedProcess

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

__all__ = ["PATIENT", "hammer", "together"]

_IN_FLIGHT = 64
_ROWS = (1, 10, 100)
PATIENT = ("--max-queue-s", "600")
"""Flags of a server that refuses nothing here, however slow the machine."""
_SERVERS = {"together": PATIENT, "alone": (*PATIENT, "--max-batch-rows", "0")}


def together(bundle: Path, scratch: Path, seconds: float, rounds: int) -> dict[str, Any]:
    """Return calls a second, computed together and alone in turns, by operation and rows of a call."""
    name, found = bundle.parent.name, {}
    records = Model.open(bundle).generate(max(_ROWS), seed=1)
    with ExitStack() as stack:
        targets = {
            key: stack.enter_context(ServedProcess(bundle.parents[1], scratch / f"{key}.log", *flags)).target
            for key, flags in _SERVERS.items()
        }
        for operation in ("encode", "score", "denoise"):
            for rows in _ROWS:
                rates: dict[str, list[float]] = {key: [] for key in targets}
                for _ in range(rounds):
                    for key, target in targets.items():
                        rates[key].append(
                            asyncio.run(_rate(target, operation, name, records[:rows], seconds))
                        )
                told = {f"{key}, calls/s": round(float(np.median(each))) for key, each in rates.items()}
                ratio = float(np.median(rates["together"]) / np.median(rates["alone"]))
                found[f"{operation}, {rows} rows"] = {**told, "ratio": round(ratio, 2)}
                print("together", operation, rows, told, f"{ratio:.2f}", flush=True)
    return found


async def _rate(target: str, operation: str, name: str, records: pa.Table, seconds: float) -> float:
    async with AsyncClient(target) as client:
        latencies, taken_s = await hammer(client, operation, name, records, _IN_FLIGHT, seconds)
        return len(latencies) / taken_s


async def hammer(
    client: AsyncClient, operation: str, name: str, records: pa.Table, count: int, seconds: float
) -> tuple[list[float], float]:
    """Return how long calls took that were begun within some seconds, so many in flight, and all together."""
    latencies: list[float] = []
    await getattr(client, operation)(name, records)
    start = time.perf_counter()
    end = start + seconds

    async def call() -> None:
        while (begun := time.perf_counter()) < end:
            await getattr(client, operation)(name, records)
            latencies.append(time.perf_counter() - begun)

    await asyncio.gather(*(call() for _ in range(count)))
    return latencies, time.perf_counter() - start
