"""What a long stream holds in memory, at both ends."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment_client import Client

if TYPE_CHECKING:
    from serving.processes import ServedProcess

__all__ = ["memory_of_a_stream"]

_EVERY_S = 0.2
_WARM = 0.1


def memory_of_a_stream(server: ServedProcess, name: str, rows: int) -> dict[str, Any]:
    """Return the memory of both processes in MiB, after a tenth of the rows and at most after that."""
    samples: list[tuple[int, float, float]] = []
    done, due, begun = 0, 0.0, time.monotonic()
    with (
        Client(server.target) as client,
        client.generate_batches(name, rows, seed=1, sampler="vae") as stream,
    ):
        for batch in stream:
            done += batch.num_rows
            if (now := time.monotonic()) >= due:
                due = now + _EVERY_S
                samples.append((done, server.rss_mib(), _own_rss_mib()))
    later = [sample for sample in samples if sample[0] >= _WARM * rows] or samples[-1:]
    found: dict[str, Any] = {"rows": done, "seconds": round(time.monotonic() - begun, 1)}
    for place, end in ((1, "server"), (2, "client")):
        most = max(sample[place] for sample in later)
        found[end] = {"MiB": round(later[0][place], 1), "growth, MiB": round(most - later[0][place], 1)}
    print("memory", found, flush=True)
    return found


def _own_rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
