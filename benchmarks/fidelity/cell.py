"""One cell of the benchmark: one method learns one data set with one seed, in a process of its own.

Imports neither `augment` nor a peer before the method does: it runs in either environment. Usage:

    python -m fidelity.cell JOB.json
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from fidelity.methods import METHODS, Task, load

if TYPE_CHECKING:
    import pyarrow as pa

    from fidelity.methods import Fitted

__all__ = ["FIGURES", "HOLDOUT", "SYNTHETIC", "TIMES", "main"]

SYNTHETIC = "synthetic.parquet"
HOLDOUT = "holdout.parquet"
TIMES = "times.json"
FIGURES = "figures.json"
_SPEED_ROWS = 30_000
_REPEATS = 3
_PACKAGES = ("augment-service", "mostlyai-engine", "ctgan", "imbalanced-learn", "torch", "onnxruntime")


@dataclass(frozen=True)
class _Clock:
    """Wall and processor seconds of this process and of the children it has waited for."""

    wall: float
    processor: float

    @classmethod
    def now(cls) -> _Clock:
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(time.perf_counter(), sum(each.ru_utime + each.ru_stime for each in usage))

    def since(self, name: str) -> dict[str, float]:
        """Return the seconds since this moment, by name."""
        now = _Clock.now()
        return {
            f"{name}_seconds": round(now.wall - self.wall, 4),
            f"{name}_cpu_seconds": round(now.processor - self.processor, 4),
        }


def main(job_path: Path) -> None:
    """Fit, sample and time; the file of times is written last, and says that the cell is finished."""
    job = json.loads(job_path.read_text(encoding="utf-8"))
    method = METHODS[job["method"]]
    out = Path(job["directory"])
    task = Task(
        train=pq.read_table(job["train"]),
        holdout=pq.read_table(job["holdout"]),
        target=job["target"],
        classes=job["classes"],
        seed=job["seed"],
        threads=job["threads"],
        directory=out,
        shared=Path(job["shared"]),
    )
    module = load(method)
    load_before = os.getloadavg()[0]
    clock = _Clock.now()
    fitted = module.fit(task)
    times = clock.since("fit" if method.shares is None else "open")
    clock = _Clock.now()
    synthetic = _rows(fitted, task, task.train.num_rows, seed=task.seed)
    times |= clock.since("sample")
    pq.write_table(synthetic, out / SYNTHETIC)
    speed = _speed(fitted, task) if method.timed else {}
    written = {
        **times,
        **speed,
        "rows": synthetic.num_rows,
        "peak_mib": _peak_mib(),
        "details": fitted.details,
        "threads": task.threads,
        "load_average": [round(load_before, 2), round(os.getloadavg()[0], 2)],
        "environment": _environment(),
    }
    _write(out / TIMES, written)


def _rows(fitted: Fitted, task: Task, rows: int, *, seed: int) -> pa.Table:
    """Return rows in the columns and types of the training rows, which some peers widen."""
    table = fitted.sample(rows, seed=seed).select(task.train.column_names)
    return table.cast(task.train.schema.remove_metadata(), safe=False)


def _speed(fitted: Fitted, task: Task) -> dict[str, object]:
    """Return rows a second of large requests to a warm model: the first sampling warmed it."""
    rows = max(_SPEED_ROWS, task.train.num_rows)
    rates = []
    for repeat in range(_REPEATS):
        start = time.perf_counter()
        made = fitted.sample(rows, seed=task.seed + repeat + 1).num_rows
        rates.append(round(made / (time.perf_counter() - start), 1))
    return {"rows_per_s": statistics.median(rates), "rows_per_s_repeats": rates, "speed_rows": rows}


def _peak_mib() -> float:
    """Return the largest resident size of this process or of one of its children."""
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(max(usage) / 1024, 1)


def _environment() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _write(path: Path, value: dict[str, object]) -> None:
    """Write at once: a file that is there is whole."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
