"""Print what a training step costs when OpenMP's waiting threads spin and when they sleep.

Each figure is a process of its own; spinning and sleeping alternate; then again beside a process that only
computes. Usage: python benchmarks/training_threads.py [REPEATS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

STEPS = 30
BUSY = "while True: sum(range(1000))"


def measure() -> None:
    """Train a denoiser of Adult's size for a few steps and print the milliseconds of one."""
    import pyarrow as pa  # noqa: PLC0415 - only the measured process needs them
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415

    from augment.data import Codec, conform, detect_schema  # noqa: PLC0415
    from augment.training import DenoiserConfig, TrainConfig, Watcher, train_models  # noqa: PLC0415

    frame = load_breast_cancer(as_frame=True).frame.iloc[:, :15]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    schema = detect_schema(table)
    codec = Codec.fit(table, schema)
    encoded, _ = codec.encode(conform(table, schema))
    seconds = []
    for steps in (1, STEPS + 1):
        config = TrainConfig(
            models=("denoiser",),
            device="cpu",
            batch_size=512,
            max_steps=steps,
            denoiser=DenoiserConfig(hidden=384),
        )
        start = time.perf_counter()
        train_models(encoded, codec.layout, config, Watcher())
        seconds.append(time.perf_counter() - start)
    print(1000 * (seconds[1] - seconds[0]) / STEPS)


def run(policy: str) -> float:
    """Return the milliseconds of a step under a policy of waiting."""
    done = subprocess.run(  # noqa: S603 - this script
        [sys.executable, __file__, "measure"],
        env=os.environ | {"OMP_WAIT_POLICY": policy},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def main(repeats: int) -> None:
    """Alternate policies, first on the machine as it is, then beside busy processes."""
    cores = os.cpu_count() or 1
    print(f"{cores} cores, load {os.getloadavg()[0]:.1f} at the start, {repeats} runs each, ms a step\n")
    print("| neighbours | spinning | sleeping |")
    print("|---|---|---|")
    for name, count in (("none of ours", 0), ("one busy process", 1)):
        neighbours = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]  # noqa: S603
        try:
            pairs = [(run("ACTIVE"), run("PASSIVE")) for _ in range(repeats)]
        finally:
            for neighbour in neighbours:
                neighbour.kill()
                neighbour.wait()
        cells = [
            f"{statistics.median(times):.0f} ({min(times):.0f} to {max(times):.0f})"
            for times in zip(*pairs, strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    if sys.argv[1:] == ["measure"]:
        measure()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
