"""`make bench-family`: run what has not run, and write the tables of all that has."""

from __future__ import annotations

import argparse
import json
import platform
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from family import anomalies, components, labels
from family.page import page
from imputation.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

_BENCHMARKS = Path(__file__).resolve().parents[1]
_PARTS = ("components", "labels", "stacked", "anomalies")
_STARTS = ("random", "layerwise", "layerwise, denoising")


def main() -> None:
    """Parse the options and do it."""
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    options.cache.mkdir(parents=True, exist_ok=True)
    store, cells = Store(options.cache), {}
    for names, work in _work(options).items():
        if names[0] in options.parts and (options.datasets is None or names[1] in options.datasets):
            cells[names] = store.answer(names, work)
        elif (known := store.known(names)) is not None:
            cells[names] = known
    _write(options.results, cells)


def _work(options: argparse.Namespace) -> dict[tuple[str, ...], Callable[[], dict[str, Any]]]:
    """Return what is to be computed, by part, case and repetition."""
    data, seeds = options.data, range(options.seeds)
    work = _components(data, seeds)
    for name in labels.DATASETS:
        for seed in seeds:
            work["labels", name, "1 %", str(seed)] = partial(labels.few_labels, name, 0.01, seed, data)
    for count, start, seed in product((100, 500, 1000), _STARTS, seeds):
        work["stacked", f"{count} labels", start, str(seed)] = partial(
            labels.stacked, count, start, seed, data
        )
    for name, fold in product(anomalies.DATASETS, range(5)):
        work["anomalies", name, str(fold)] = partial(anomalies.found_rare, name, fold, data)
    return work


def _components(data: Path, seeds: range) -> dict[tuple[str, ...], Callable[[], dict[str, Any]]]:
    work: dict[tuple[str, ...], Callable[[], dict[str, Any]]] = {}
    for name, sizes in components.SIZES.items():
        for size in sizes:
            for seed in seeds if name != "fashion_mnist" else range(1):
                work["components", name, str(size), str(seed)] = partial(
                    components.compared, name, size, seed, data
                )
    return work


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-family BENCH_ARGS=", description=__doc__)
    add = parser.add_argument
    data = _BENCHMARKS.parents[1] / "shared" / "data"
    add("--data", type=Path, default=data, help="directory of the data sets")
    add("--cache", type=Path, default=_BENCHMARKS / ".cache" / "family", help="where finished cells stay")
    add("--results", type=Path, default=_BENCHMARKS / "results", help="where the tables go")
    add("--parts", nargs="*", choices=_PARTS, default=_PARTS, help="which to run")
    add("--datasets", nargs="+", help="only these cases of the parts")
    add("--seeds", type=int, default=5, help="repetitions; Fashion-MNIST's components have one")
    add("--threads", type=int, default=1, help="of torch")
    return parser


def _write(folder: Path, cells: dict[tuple[str, ...], dict[str, Any]]) -> None:
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}",
    }
    text = page(cells, about)
    (folder / "family.md").write_text(text)
    named = {" / ".join(names): cell for names, cell in cells.items()}
    (folder / "family.json").write_text(json.dumps({**about, "cells": named}, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
