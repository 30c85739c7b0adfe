"""Print what small calls take on blocks of 32 to 512 rows, and on whole blocks alone, in turns.

Also whether both give the same bytes, and what it costs to find that out when a bundle is opened. Usage:

    python benchmarks/small_calls.py models/adult/1 [THREADS]
"""

from __future__ import annotations

import statistics
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from augment.runtime import Model

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

ROWS = (1, 30, 100, 250, 512)
REPEATS = 15


def main(path: str, threads: int) -> None:
    """Measure every operation and number of rows, `REPEATS` times each, and print the medians."""
    models = {
        "smaller": Model.open(path, threads=threads),
        "whole": Model.open(path, threads=threads, replay_golden=False),
    }
    table = models["smaller"].generate(max(ROWS), seed=1)
    print(f"{models['whole'].name}, {threads} thread(s), ms, medians of {REPEATS} (lowest to highest)\n")
    print("| operation, rows | smaller blocks too | whole blocks | ratio | same bytes |")
    print("|---|--:|--:|--:|---|")
    for name, ask in operations(models["whole"]).items():
        for rows in ROWS:
            row(f"{name}, {rows}", models, partial(ask, table=table[:rows]))
    for key, replay in (("replayed, and sizes tried", True), ("neither", False)):
        taken = [milliseconds(partial(Model.open, path, replay_golden=replay)) for _ in range(5)]
        print(f"\nopened, {key}: {statistics.median(taken):.0f} ms", end="")
    print()


def operations(model: Model) -> dict[str, Callable[..., Any]]:
    """Return what the model can do, each with a model and a table: to generate, as many rows as it has."""
    found = {f"generate by {sampler}": partial(generated, sampler=sampler) for sampler in model.samplers}
    able = [name for name in ("encode", "score", "denoise") if name in model.operations]
    return found | {name: partial(asked, operation=name) for name in able}


def generated(model: Model, table: pa.Table, sampler: str) -> Any:
    """Return as many records as the table has."""
    return model.generate(table.num_rows, seed=7, sampler=sampler)


def asked(model: Model, table: pa.Table, operation: str) -> Any:
    """Return what an operation makes of a table."""
    return getattr(model, operation)(table)


def row(name: str, models: dict[str, Model], ask: Callable[[Model], Any]) -> None:
    """Measure in turns, and print one row of the table."""
    same = ask(models["smaller"]) == ask(models["whole"])
    taken: dict[str, list[float]] = {key: [] for key in models}
    for _ in range(REPEATS):
        for key, model in models.items():
            taken[key].append(milliseconds(partial(ask, model)))
    told = [f"{statistics.median(t):.1f} ({min(t):.1f} to {max(t):.1f})" for t in taken.values()]
    ratio = statistics.median(taken["smaller"]) / statistics.median(taken["whole"])
    print(f"| {name} | {told[0]} | {told[1]} | {ratio:.2f} | {'yes' if same else 'NO'} |", flush=True)


def milliseconds(work: Callable[[], Any]) -> float:
    """Return how long some work takes, in milliseconds."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)  # noqa: PLR2004
