"""Prints peak memory and seconds of training from Parquet on disk, for tables of more and more rows.

Each table is made by this program, row group by row group, and trained on in a process of its own, whose
memory is read from `/proc` ten times a second: anonymous pages, which it needs, and pages of files, which
the system takes back when others need the room.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from augment.data import ParquetParts

_GROUP_ROWS = 262_144
_EPOCH = np.datetime64("2020-01-01T00:00:00", "s")


def main() -> None:
    """Make, train, print."""
    asked = _arguments()
    if asked.child is not None:
        _train(asked.child, asked.models.split(","), asked.steps, asked.out)
        return
    print(
        "| rows | Parquet GiB | in memory about GiB | peak anonymous MiB | peak of files MiB | peak RSS MiB "
        "| encoded MiB | seconds by stage |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|---|")
    for rows in asked.rows:
        with TemporaryDirectory(dir=asked.folder, prefix="beyond-memory-") as folder:
            print(_measured(rows, Path(folder), asked), flush=True)
    load = f"load average at the end {os.getloadavg()[0]:.1f}"
    print(f"\n{asked.models}, {asked.steps} steps of each model; {os.cpu_count()} cores, {load}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="training.beyond_memory", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000_000, 20_000_000])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--models", default="vae")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to use")
    parser.add_argument("--child", type=Path, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measured(rows: int, folder: Path, asked: argparse.Namespace) -> str:
    """Return a row of the table."""
    data = folder / "big.parquet"
    began = time.monotonic()
    make_table(data, rows)
    made = time.monotonic() - began
    command = [sys.executable, "-m", "training.beyond_memory", "--child", str(data), "--out", str(folder)]
    command += ["--steps", str(asked.steps), "--models", asked.models]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this program
    watch = _Watch(child.pid)
    watch.start()
    assert child.stdout is not None
    told = [json.loads(line) for line in child.stdout]
    watch.ended.set()
    watch.join()
    if child.wait() != 0:
        raise SystemExit(f"training ended with {child.returncode}")
    whole = ParquetParts.open(data).training_bytes / 2**30
    anonymous, files, resident = (watch.peaks[name] / 1024 for name in ("RssAnon", "RssFile", "VmHWM"))
    stages = "; ".join(f"{one['stage']} {one['seconds']:.0f}" for one in told if "stage" in one)
    encoded = next(one["encoded_mib"] for one in told if "encoded_mib" in one)
    return (
        f"| {rows:,} | {data.stat().st_size / 2**30:.2f} | {whole:.1f} | {anonymous:,.0f} "
        f"| {files:,.0f} | {resident:,.0f} | {encoded:,.0f} | making the table {made:.0f}; {stages} |"
    )


class _Watch(threading.Thread):
    """Keeps the largest figures of a process's memory, in KiB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self.ended = threading.Event()
        self.peaks = {"RssAnon": 0, "RssFile": 0, "VmHWM": 0}

    def run(self) -> None:
        """Look until the process has ended."""
        while not self.ended.wait(0.1):
            for name, value in self._now().items():
                self.peaks[name] = max(self.peaks[name], value)

    def _now(self) -> dict[str, int]:
        try:
            lines = [line.split() for line in self._status.read_text(encoding="ascii").splitlines()]
        except OSError:
            return {}
        return {line[0][:-1]: int(line[1]) for line in lines if line[0][:-1] in self.peaks}


def _train(data: Path, models: list[str], steps: int, out: Path) -> None:
    """Train in this process, and tell each stage's seconds as lines of JSON."""
    from augment.data import LargeTable  # noqa: PLC0415 - in the child alone
    from augment.training import Runs, TrainConfig, Watcher, build_bundle  # noqa: PLC0415

    began = time.monotonic()
    stages = [("starting", began)]

    def tell(line: dict[str, Any]) -> None:
        print(json.dumps(line), flush=True)

    def begin(stage: str) -> None:
        now = time.monotonic()
        tell({"stage": stages[-1][0], "seconds": now - stages[-1][1]})
        stages.append((stage, now))
        for file in out.rglob("records.bin"):
            if stage.startswith("training"):
                tell({"encoded_mib": file.stat().st_size / 2**20})

    class Clock(Watcher):
        """Begins a stage with its first word."""

        def on_stage(self, stage: str) -> None:
            """Begin it."""
            begin(stage.split(maxsplit=1)[0])

    begin("sampling")
    large = LargeTable.open(data)
    begin("detecting")
    schema = large.detect_schema()
    config = TrainConfig.model_validate(
        {"models": models, "max_steps": steps, "device": "cpu", "patience": 10**6}
    )
    runs = Runs(parent=out / "runs")
    build_bundle(large, schema, config, name="big", out=out / "models", run_dir=runs, watcher=Clock())
    begin("end")


def make_table(path: Path, rows: int) -> None:
    """Write a table of ten columns that depend on one another, with missing cells, group by group."""
    generator = np.random.default_rng(0)
    with pq.ParquetWriter(path, _group(1, generator).schema) as writer:
        for start in range(0, rows, _GROUP_ROWS):
            writer.write_table(_group(min(_GROUP_ROWS, rows - start), generator))


def _group(rows: int, generator: np.random.Generator) -> pa.Table:
    kind = generator.integers(0, 3, rows)
    age = np.clip(generator.normal(35 + 12 * kind, 9, rows), 18, 95).astype(np.int64)
    income = np.round(np.exp(generator.normal(8 + 0.4 * kind + age / 100, 0.6, rows)), 2)
    amount = generator.pareto(2.5, rows) * income / 50
    product = np.minimum(generator.zipf(1.4, rows), 3000)
    seconds = generator.integers(0, 150_000_000, rows)
    gone = generator.random((3, rows)) < np.array([[0.05], [0.1], [0.02]])
    city = np.char.add("city ", generator.integers(0, 40, rows).astype("U2"))
    return pa.table(
        {
            "kind": pa.array(np.array(["basic", "plus", "gold"])[kind]),
            "age": age,
            "income": pa.array(income, mask=gone[0]),
            "amount": amount,
            "score": (kind + generator.normal(0, 1, rows)).astype(np.float32),
            "visits": generator.poisson(2 + 3 * kind),
            "city": pa.array(city, mask=gone[1]),
            "product": pa.array(np.char.add("P", product.astype("U4"))),
            "member": pa.array(kind > generator.integers(0, 3, rows), mask=gone[2]),
            "since": pa.array(_EPOCH + seconds.astype("timedelta64[s]"), pa.timestamp("s")),
        }
    )


if __name__ == "__main__":
    main()
