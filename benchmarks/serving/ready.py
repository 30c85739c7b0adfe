"""`python -m serving.ready`: a server whose batches are ready before they are asked for.

It is the server itself, with its queue, its threads, its Arrow and its gRPC; only the model's arithmetic is
replaced by batches that it made before, so that it is the wire that is timed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augment_client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from augment.runtime import Model

__all__ = ["ready_batches"]

_ROWS = 20_000_000
_BATCH_ROWS, _BATCHES = 16_384, 8


def ready_batches(bundle: Path, rounds: int) -> dict[str, Any]:
    """Return megabytes a second of a stream of ready batches, at a client in another process than the server.

    What counts is what the client's columns take, in the types of the data file.
    """
    command = [sys.executable, "-m", "serving.ready", str(bundle)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
    try:
        assert process.stdout is not None
        target = f"127.0.0.1:{int(process.stdout.readline())}"
        rates = []
        with Client(target) as client:
            for _ in range(rounds + 1):
                begun, cells = time.perf_counter(), 0
                rows = _ROWS if rounds > 1 else _ROWS // 10
                with client.generate_batches(bundle.parent.name, rows, seed=1) as stream:
                    for batch in stream:
                        cells += batch.nbytes
                rates.append(cells / (time.perf_counter() - begun) / 1e6)
    finally:
        process.kill()
        process.wait()
    found = {"MB/s": round(float(np.median(rates[1:]))), "bytes a row": round(cells / rows, 1)}
    print("ready", found, flush=True)
    return found


def _replay(model: Model) -> Any:
    made = list(model.generate_batches(_BATCH_ROWS * _BATCHES, seed=1, max_rows=_BATCH_ROWS))

    def generate_batches(rows: int, **_: object) -> Iterator[pa.RecordBatch]:
        for batch in itertools.cycle(made):
            if rows <= 0:
                return
            yield batch[:rows]
            rows -= batch.num_rows

    return generate_batches


async def _serve(bundle: Path) -> None:
    from augment_server import Registry, Server, Settings  # noqa: PLC0415 - the client's process needs none
    from augment_server.logs import configure_logs  # noqa: PLC0415 - likewise

    settings = Settings(models=bundle.parents[1], port=0, log_level="error", watch_s=0)
    configure_logs(settings)
    registry = Registry.open(settings)
    model: Any = registry.get(bundle.parent.name)
    model.generate_batches = _replay(model)
    server = await Server.start(settings, registry)
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    asyncio.run(_serve(parser.parse_args().bundle))
