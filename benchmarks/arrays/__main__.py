"""`make bench-arrays`: run what has not run, and write the tables of all that has."""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import torch

from arrays.page import page
from arrays.sets import SETS
from arrays.trial import run

_BENCHMARKS = Path(__file__).resolve().parents[1]
_ROOT = _BENCHMARKS.parent


def main() -> None:
    """Parse the options and do it."""
    options = _parser().parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"--data must be the directory of the arrays, got {options.data}: nothing is run")
    torch.set_num_threads(options.threads)
    options.cache.mkdir(parents=True, exist_ok=True)
    for name in options.sets:
        done = options.cache / f"{name}.json"
        if done.exists() or options.only_write:
            continue
        print(name, flush=True)
        figures = run(
            SETS[name](options.data),
            settings={"max_steps": options.steps, "batch_size": options.batch},
            out=options.results / "arrays",
        )
        done.write_text(json.dumps({"steps": options.steps, "batch": options.batch, **figures}, indent=1))
    found = {
        name: json.loads(file.read_text())
        for name in SETS
        if (file := options.cache / f"{name}.json").exists()
    }
    where = (
        f"{platform.machine()}, {os.cpu_count()} cores, no GPU" if not torch.cuda.is_available() else "CPU"
    )
    told = {"measured": datetime.now(UTC).date().isoformat(), "machine": where, "sets": found}
    (options.results / "arrays.json").write_text(json.dumps(told, indent=1) + "\n")
    (options.results / "arrays.md").write_text(page(told))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-arrays BENCH_ARGS=", description=__doc__)
    add = parser.add_argument
    add(
        "--data", type=Path, default=_ROOT.parent / "shared" / "data" / "arrays", help="the arrays' directory"
    )
    add("--cache", type=Path, default=_BENCHMARKS / ".cache" / "arrays", help="where finished figures stay")
    add("--results", type=Path, default=_BENCHMARKS / "results", help="where the tables go")
    add("--sets", nargs="+", choices=list(SETS), default=list(SETS), help="which to run")
    add("--steps", type=int, default=3000, help="training steps of each model")
    add("--batch", type=int, default=256, help="rows a step")
    add("--threads", type=int, default=2, help="torch's")
    add("--only-write", action="store_true", help="run nothing; write the tables of what has run")
    return parser


if __name__ == "__main__":
    main()
