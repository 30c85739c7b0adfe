"""Print what making several blocks in one run of a graph is worth, to samplers that go in steps.

python benchmarks/blocks_together.py models/adult/1 [THREADS]
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from augment.bundle import open_bundle
from augment.runtime.asked import Asked
from augment.runtime.generation import generated_batches
from augment.runtime.loading import load_engine
from augment.runtime.wish import wish_of
from serving.host import machine

if TYPE_CHECKING:
    from augment.runtime.engine import Engine

REPEATS = 9
ROWS = 65_536
BATCH_ROWS = 4096


def main(path: str, threads: int) -> None:
    """Measure in turns and print medians, the slowest and the fastest, and the ratio of the medians."""
    bundle = open_bundle(path)
    engine = load_engine(bundle, threads=threads, replay_golden=True)
    single = replace(engine, counts=(1,))
    print(f"{machine()}; {bundle.path}, {threads} threads, at most {engine.counts[-1]} blocks at once\n")
    print("| sampler | one block at a time, rows/s | together | ratio |\n|---|--:|--:|--:|")
    for sampler in bundle.manifest.stepwise:
        rates: tuple[list[float], list[float]] = ([], [])
        for repeat in range(REPEATS + 1):
            for one, found in zip((single, engine), rates, strict=True):
                rate = _rate(one, sampler, seed=repeat)
                if repeat:
                    found.append(rate)
        told = [
            f"{statistics.median(found):,.0f} ({min(found):,.0f} to {max(found):,.0f})" for found in rates
        ]
        ratio = statistics.median(rates[1]) / statistics.median(rates[0])
        print(f"| `{sampler}` | {told[0]} | {told[1]} | {ratio:.2f} |", flush=True)


def _rate(engine: Engine, sampler: str, *, seed: int) -> float:
    wish = wish_of(engine.codec.layout, Asked())
    began = time.perf_counter()
    for _ in generated_batches(engine, sampler, wish, seed=seed, offset=0, rows=ROWS, max_rows=BATCH_ROWS):
        pass
    return ROWS / (time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2)  # noqa: PLR2004 - the second argument
