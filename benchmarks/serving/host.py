"""A server process on a small bundle, and what can be seen of it from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

__all__ = ["MODEL", "Host", "add_models_flag", "hosting", "machine"]

MODEL = "bench"


class Host:
    """A running server.

    Args:
        process: The process, whose log goes to a file.
        log: That file.

    Attributes:
        target: Its address.
        metrics_port: Where its metrics are.
        pid: The process's id.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        ready = self._wait_for_ready()
        self.target = f"127.0.0.1:{ready['port']}"
        self.metrics_port = ready["metrics_port"]
        self.pid = process.pid

    def lines(self) -> list[dict[str, object]]:
        """Return the log so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def memory_mib(self) -> float:
        """Return the memory that is resident now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _wait_for_ready(self) -> dict[str, int]:
        while self._process.poll() is None:
            for line in self._log.read_text().splitlines():
                if '"ready"' in line:
                    found: dict[str, int] = json.loads(line)
                    return found
            time.sleep(0.1)
        raise RuntimeError(f"the server ended: {self._log.read_text()[-2000:]}")


@contextmanager
def hosting(models: Path | None, *flags: str) -> Iterator[Host]:
    """Run a server on the bundles of a directory; None: on one trained now, for a moment.

    Args:
        models: The directory.
        flags: More flags of the server.
    """
    with tempfile.TemporaryDirectory() as scratch:
        directory = models or _trained(Path(scratch))
        log = Path(scratch) / "log"
        command = [sys.executable, "-m", "augment_server", "--models", str(directory), "--port", "0"]
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [*command, "--metrics-port", "0", *flags], stderr=file
            )
        try:
            yield Host(process, log)
        finally:
            process.kill()
            process.wait()


def add_models_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flags that all of these have."""
    parser.add_argument("--models", type=Path, help="a models directory; default: one small model is trained")
    parser.add_argument("--model", default=MODEL, help="which of its models")


def machine() -> str:
    """Return the machine in words, with how busy it is."""
    return f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"


def _trained(root: Path) -> Path:
    """Train a small bundle on records of mixed kinds; returns its models directory."""
    from augment.data import detect_schema  # noqa: PLC0415 - torch only where it is needed
    from augment.training import TrainConfig, build_bundle  # noqa: PLC0415

    random = np.random.default_rng(0)
    table = pa.table(
        {
            "age": random.integers(18, 90, 2000),
            "income": random.lognormal(10, 1, 2000),
            "city": random.choice(["Bern", "Basel", "Chur", "Genf"], 2000),
            "member": random.random(2000) < 0.3,  # noqa: PLR2004 - any share
        }
    )
    config = TrainConfig(epochs=2, seed=1, device="cpu")
    models = root / "models"
    build_bundle(table, detect_schema(table), config, name=MODEL, out=models, run_dir=root / "run")
    return models
