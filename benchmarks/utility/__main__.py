"""`make bench-utility`: run what has not run, and write the tables of all that has."""

from __future__ import annotations

import argparse
import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utility import datasets
from utility.methods import methods
from utility.page import page
from utility.ranks import contests
from utility.runner import Cell, Runner, finished
from utility.tvae import Tvae

if TYPE_CHECKING:
    from utility.ranks import Contest

_BENCHMARKS = Path(__file__).resolve().parents[1]
_ROOT = _BENCHMARKS.parent
_QUICK_FOLDS = 2


def main() -> None:
    """Parse the options and do it."""
    options = _parser().parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"--data must be the directory of the data sets, got {options.data}")
    folds = _QUICK_FOLDS if options.quick else options.folds
    with Tvae(options.peers, options.cache / "tvae") as tvae:
        ways = methods(tvae)
        if not options.only_write:
            Runner(options.data, options.cache, ways).run(options.datasets, folds)
    cells = [Cell(name, fold, way) for name in options.datasets for fold in range(folds) for way in ways]
    done = finished(options.cache, cells)
    held = contests(done, tuple(ways))
    if not held:
        raise SystemExit(f"no fold has been finished by all methods yet; cells are in {options.cache}")
    _write(options.results, held, done, tuple(ways))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-utility BENCH_ARGS=", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=_ROOT.parent / "shared" / "data", help="directory of the data sets")
    add("--cache", type=Path, default=_BENCHMARKS / ".cache" / "utility", help="where finished cells stay")
    add("--results", type=Path, default=_BENCHMARKS / "results", help="where the tables go")
    add("--peers", type=Path, default=_ROOT / ".venv-peers" / "bin" / "python", help="Python that has ctgan")
    add("--datasets", nargs="+", choices=datasets.names(), default=datasets.names(), help="which to run")
    add("--folds", type=int, default=10, help="at most so many of each set")
    add("--quick", action="store_true", help=f"{_QUICK_FOLDS} folds")
    add("--only-write", action="store_true", help="run nothing; write the tables of what has run")
    return parser


def _write(
    folder: Path, held: list[Contest], cells: dict[Cell, dict[str, Any]], ways: tuple[str, ...]
) -> None:
    """Write the tables, and all figures in them by fold."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"date": datetime.now(UTC).date().isoformat(), "machine": platform.platform()}
    folds = [
        {
            "problem": one.problem,
            "classifier": one.classifier,
            "metric": one.metric,
            "folds": dict(one.values),
        }
        for one in held
    ]
    text = page(held, cells, ways, about)
    (folder / "utility.json").write_text(json.dumps({"about": about, "figures": folds}, indent=1) + "\n")
    (folder / "utility.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
