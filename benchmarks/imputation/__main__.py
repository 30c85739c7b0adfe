"""Runs the benchmark: `make bench-imputation BENCH_ARGS="--help"`."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # it ships no types

from imputation.datasets import DATASETS
from imputation.job import Job
from imputation.page import page
from imputation.store import Store

_HERE = Path(__file__).parent.parent


def main() -> None:
    """Compute what is not in the cache, and write the results."""
    asked = _parser().parse_args()
    cache = asked.cache / ("quick" if asked.quick else "full")
    cache.mkdir(parents=True, exist_ok=True)
    store = Store(cache)
    sets: dict[str, Any] = {}
    with threadpool_limits(asked.threads):
        for name in asked.datasets:
            dataset = DATASETS[name]
            if absent := [file for file in dataset.files if not (asked.data / file).is_file()]:
                print(f"{name}: skipped, {', '.join(absent)} not in {asked.data}")
                continue
            sets[name] = Job(dataset, asked.data, cache, store, asked.threads, asked.quick).run()
    if not sets:
        raise SystemExit(f"no data set in {asked.data}; see --data")
    run = {"machine": _machine(), "threads": asked.threads, "quick": asked.quick}
    _write(asked.results, "imputation-quick" if asked.quick else "imputation", {"run": run, "sets": sets})


def _write(directory: Path, name: str, results: dict[str, Any]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    text = page(results)
    (directory / f"{name}.md").write_text(text)
    print(text)


def _machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m imputation", description=__doc__)
    parser.add_argument("--data", type=Path, default=_HERE.parent.parent / "shared" / "data" / "tabular")
    parser.add_argument("--cache", type=Path, default=_HERE / ".cache" / "imputation")
    parser.add_argument("--results", type=Path, default=_HERE / "results")
    parser.add_argument("--datasets", nargs="+", choices=list(DATASETS), default=list(DATASETS))
    parser.add_argument("--threads", type=int, default=1, help="of every method; 1 if not said")
    parser.add_argument("--quick", action="store_true", help="few steps, trees and rows, in minutes")
    return parser


if __name__ == "__main__":
    main()
