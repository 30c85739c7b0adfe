"""Print what the size of a noise block costs: a small request's milliseconds, a large one's rows a second.

A graph always runs on whole blocks, so a request of one row pays for a block. Usage:

    python benchmarks/block_size.py models/adult/1 [THREADS]
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace

from augment.bundle import open_bundle
from augment.runtime.asked import Asked
from augment.runtime.generation import generated_batches
from augment.runtime.loading import load_engine
from augment.runtime.wish import wish_of

SIZES = (64, 128, 256, 512, 1024, 2048, 4096)
REPEATS = 7
BULK_ROWS = 32_768


def main(path: str, threads: int) -> None:
    """Measure every size in turn, `REPEATS` times over, and print the medians."""
    bundle = open_bundle(path)
    engine = load_engine(bundle, threads=threads, replay_golden=False)
    sampler, wish = bundle.manifest.samplers[0], wish_of(engine.codec.layout, Asked())
    small: dict[int, list[float]] = {size: [] for size in SIZES}
    bulk: dict[int, list[float]] = {size: [] for size in SIZES}
    for repeat in range(REPEATS + 1):
        for size in SIZES:
            sized = replace(engine, block_rows=size)
            for rows, times in ((1, small[size]), (BULK_ROWS, bulk[size])):
                start = time.perf_counter()
                for _ in generated_batches(sized, sampler, wish, seed=1, offset=0, rows=rows, max_rows=None):
                    pass
                if repeat:
                    times.append(time.perf_counter() - start)
    print(f"{bundle.name}, sampler {sampler}, {threads} thread(s), medians of {REPEATS} (lowest to highest)")
    print()
    print("| block rows | one row, ms | rows/s |")
    print("|---|---|---|")
    for size in SIZES:
        low, middle, high = (1000 * f(small[size]) for f in (min, statistics.median, max))
        rates = [BULK_ROWS / seconds for seconds in bulk[size]]
        print(
            f"| {size} | {middle:.2f} ({low:.2f} to {high:.2f}) "
            f"| {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) |"
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)  # noqa: PLR2004
