"""`make bench-fidelity`: run what has not run, judge it, write the tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fidelity.datasets import DATASETS
from fidelity.methods import METHODS
from fidelity.results import Results
from fidelity.runner import Runner
from fidelity.store import Store
from fidelity.tables import page

if TYPE_CHECKING:
    from fidelity.datasets import Dataset
    from fidelity.store import Cell

_BENCHMARKS = Path(__file__).resolve().parents[1]
_ROOT = _BENCHMARKS.parent
_SLUGS = {method.slug: method for method in METHODS.values()}


def main() -> None:
    """Parse the options and do it."""
    options = _parser().parse_args()
    store = Store(options.cache.resolve(), options.threads)
    runner = Runner(
        store=store,
        data=options.data,
        sources=_BENCHMARKS,
        peers=_ROOT / ".venv-peers" / "bin" / "python",
        budget_minutes=options.budget_minutes,
        fresh=options.fresh,
    )
    cells = [
        store.cell(dataset, _SLUGS[method], seed)
        for dataset in _there(options.datasets, options.data)
        for seed in range(options.seeds)
        for method in options.methods
    ]
    if options.list:
        _list(cells)
        return
    _measure(runner, cells, only_judge=options.only_judge)
    _write(Results.of(store, options.seeds), options.results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-fidelity BENCH_ARGS=", description=__doc__)
    add = parser.add_argument
    data = _ROOT.parent / "shared" / "data" / "tabular"
    add("--data", type=Path, default=data, help="directory of the data sets")
    add("--cache", type=Path, default=_BENCHMARKS / ".cache" / "fidelity", help="where finished cells stay")
    add("--results", type=Path, default=_BENCHMARKS / "results", help="where the tables go")
    add("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS), help="which to run")
    add("--methods", nargs="+", choices=_SLUGS, default=list(_SLUGS), help="which to run")
    add("--seeds", type=int, default=3, help="how many")
    add("--threads", type=int, default=2, help="of every method")
    add("--budget-minutes", type=float, help="after which a cell is ended, and said not to have run")
    add("--fresh", action="store_true", help="run finished cells again")
    add("--only-judge", action="store_true", help="run nothing; judge all finished cells again")
    add("--list", action="store_true", help="say what has finished, and do nothing")
    return parser


def _there(names: list[str], data: Path) -> list[Dataset]:
    """Return the data sets whose files are there, and say which are not."""
    found = []
    for name in names:
        missing = DATASETS[name].missing_files(data)
        if missing:
            print(f"{name}: skipped, {data} has no {', '.join(missing)}", flush=True)
        else:
            found.append(DATASETS[name])
    return found


def _list(cells: list[Cell]) -> None:
    for cell in cells:
        reason = cell.failure.get("reason", "not run")
        state = ("judged" if cell.figures else "finished") if cell.finished else reason
        print(f"{cell.label}: {state}")


def _measure(runner: Runner, cells: list[Cell], *, only_judge: bool) -> None:
    """Run and judge cell after cell, so that an interrupted run leaves whole cells behind."""
    for dataset in {cell.dataset.name: cell.dataset for cell in cells}.values():
        runner.split(dataset)
    for cell in cells:
        ran = False if only_judge else runner.run(cell)
        runner.judge(cell, again=ran or only_judge)


def _write(results: Results, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    record = {"written": f"{datetime.now(UTC):%Y-%m-%d}", "machine": _machine(), **results.record()}
    (directory / "fidelity.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    text = page(results, f"Machine: {_machine()}; {results.threads} thread(s) a method.")
    (directory / "fidelity.md").write_text(text, encoding="utf-8")
    print(f"written: {directory / 'fidelity.md'}")


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {platform.machine()}, {memory:.0f} GiB of memory, {platform.system()}"


if __name__ == "__main__":
    main()
