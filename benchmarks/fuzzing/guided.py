"""Inputs that coverage guides: atheris (libFuzzer) on what looks into foreign bytes in Python."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fuzzing.streams import seed_streams
from fuzzing.verdicts import Case, Tally, Violation, keep

if TYPE_CHECKING:
    from fuzzing.options import Options

__all__ = ["run_guided"]

_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_TARGETS = ("streams", "graphs")


def run_guided(options: Options) -> Tally:
    """Return what became of guided inputs, half streams and half graphs; none where atheris is not."""
    tally = Tally("guided", options.seed, options.count_of("guided"))
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed (pip install atheris): nothing was guided")
        tally.wanted = 0
        return tally
    for name in _TARGETS:
        _run(name, options, tally)
    return tally


def _run(name: str, options: Options, tally: Tally) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(_seeds(name, options)):
            (corpus / str(number)).write_bytes(seed)
        flags = [f"-seed={options.seed + 1}", f"-runs={tally.wanted // len(_TARGETS)}", "-max_len=65536"]
        flags += [
            f"-max_total_time={int(options.seconds / len(_TARGETS))}",
            "-timeout=10",
            "-rss_limit_mb=2048",
        ]
        flags += ["-print_final_stats=1", f"-artifact_prefix={scratch}/broken-", str(corpus)]
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "fuzzing.guided_child", name, *flags],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        found = _RUNS.search(done.stderr)
        tried = int(found.group(1)) if found else 0
        tally.tried += tried
        tally.ends[f"{name} read or refused"] += tried
        if done.returncode:
            tally.exits += 1
            tally.violations.append(Violation(tried, done.stderr[-500:]))
            files = {path.name: path.read_bytes() for path in Path(scratch).glob("broken-*")}
            print("BROKEN:", keep(options.keep, tally, tried, Case(name, files), done.stderr[-1000:]))
    tally.seconds += time.monotonic() - began


def _seeds(name: str, options: Options) -> list[bytes]:
    if name == "streams":
        return seed_streams()
    return [path.read_bytes() for path in options.models.rglob("*.onnx")]
