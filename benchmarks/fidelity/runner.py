"""Runs the cells that have not finished, one process each, one after the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from fidelity.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fidelity.datasets import Dataset
    from fidelity.store import Cell, Store

__all__ = ["Runner"]

_POOLS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB")
_TAIL = 300


@dataclass(frozen=True)
class Runner:
    """How cells are run.

    Attributes:
        store: Where they are.
        data: The directory of the data sets.
        sources: The directory that `fidelity` is imported from.
        peers: The Python of the peers' environment.
        budget_minutes: After which a cell is ended; None: never.
        fresh: Whether finished cells are run again.
    """

    store: Store
    data: Path
    sources: Path
    peers: Path
    budget_minutes: float | None
    fresh: bool

    def split(self, dataset: Dataset) -> None:
        """Write the rows to learn from and those held out, for all methods."""
        directory = self.store.root / dataset.name
        directory.mkdir(parents=True, exist_ok=True)
        split = dataset.read(self.data)
        pq.write_table(split.train, directory / "train.parquet")
        pq.write_table(split.holdout, directory / "holdout.parquet")

    def run(self, cell: Cell) -> bool:
        """Run a cell unless it has finished, or was ended by a budget at least as large; say whether."""
        if (cell.finished and not self.fresh) or self._spent(cell):
            return False
        if cell.method.shares is not None and not self._shared(cell).finished:
            return self._skip(cell, f"{cell.method.shares} has not finished")
        python = self._python(cell)
        if python is None:
            return self._skip(cell, f"there is no {self.peers}: make bench-fidelity installs it")
        cell.clear()
        print(f"{cell.label}: running", flush=True)
        started = time.monotonic()
        reason = self._process([str(python), "-m", "fidelity.cell", str(self._job(cell))], cell, "log.txt")
        if reason is not None:
            over = reason.startswith("ended")
            cell.fail(reason, minutes=self.budget_minutes if over else None)
        print(f"{cell.label}: {reason or 'done'} after {time.monotonic() - started:.0f} s", flush=True)
        return True

    def judge(self, cell: Cell, *, again: bool) -> None:
        """Judge a finished cell unless it has been."""
        if not cell.finished or (cell.figures and not again):
            return
        print(f"{cell.label}: judging", flush=True)
        command = [sys.executable, "-m", "fidelity.judge", str(self._job(cell))]
        reason = self._process(command, cell, "judge.txt", budget=False)
        if reason is not None:
            print(f"{cell.label}: not judged, {reason}", flush=True)

    def _skip(self, cell: Cell, reason: str) -> bool:
        cell.clear()
        cell.fail(reason)
        print(f"{cell.label}: not run, {reason}", flush=True)
        return False

    def _spent(self, cell: Cell) -> bool:
        """Whether the cell was ended by a budget that today's does not exceed."""
        minutes = cell.failure.get("minutes")
        if minutes is None or self.fresh or self.budget_minutes is None or self.budget_minutes > minutes:
            return False
        print(f"{cell.label}: not run again, {cell.failure['reason']}", flush=True)
        return True

    def _python(self, cell: Cell) -> Path | str | None:
        if cell.method.environment == "product":
            return sys.executable
        return self.peers if self.peers.is_file() else None

    def _shared(self, cell: Cell) -> Cell:
        shares = cell.method.shares
        return self.store.cell(cell.dataset, METHODS[shares], cell.seed) if shares is not None else cell

    def _job(self, cell: Cell) -> Path:
        """Write what the cell's process and the judge's are told."""
        parent = self.store.root / cell.dataset.name
        job = {
            "method": cell.method.name,
            "train": str(parent / "train.parquet"),
            "holdout": str(parent / "holdout.parquet"),
            "target": cell.dataset.target,
            "classes": cell.dataset.classes,
            "seed": cell.seed,
            "threads": self.store.threads,
            "directory": str(cell.directory),
            "shared": str(self._shared(cell).directory),
        }
        path = cell.directory / "job.json"
        path.write_text(json.dumps(job, indent=1) + "\n", encoding="utf-8")
        return path

    def _process(self, command: Sequence[str], cell: Cell, log: str, *, budget: bool = True) -> str | None:
        """Run a process and all that it starts; return why it failed, or None."""
        limit = self.budget_minutes * 60 if budget and self.budget_minutes is not None else None
        product = cell.method.environment == "product" or command[0] == sys.executable
        path = cell.directory / log
        with path.open("wb") as output:
            child = subprocess.Popen(  # noqa: S603 - our own modules
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(product=product),
                start_new_session=True,
            )
            try:
                code = child.wait(limit)
            except subprocess.TimeoutExpired:
                return f"ended after its budget of {self.budget_minutes:g} minutes"
            finally:
                _end(child)
        return None if code == 0 else f"failed ({code}): {_last_line(path)}"

    def _environment(self, *, product: bool) -> dict[str, str]:
        """Return the environment: the peers do not see the product's packages."""
        inherited = os.environ.get("PYTHONPATH", "") if product else ""
        threads = {f"{pool}_NUM_THREADS": str(self.store.threads) for pool in _POOLS}
        paths = [str(self.sources), *filter(None, [inherited])]
        return {
            **os.environ,
            **threads,
            "LOKY_MAX_CPU_COUNT": str(self.store.threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONPATH": os.pathsep.join(paths),
        }


def _end(child: subprocess.Popen[bytes]) -> None:
    """End what is left of a child's process group, where the run was interrupted or over its budget."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:_TAIL] if lines else "it said nothing"
