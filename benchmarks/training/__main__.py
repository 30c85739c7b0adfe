"""Prints rows a second of our VAE and of TVAE at the same layer sizes, batch and epochs, turn by turn."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import torch

from augment.data import Codec, detect_schema, read_table
from augment.training import TrainConfig, Watcher, train_models

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_TARGET = 3.0


def main() -> None:
    """Measure and print a table."""
    asked = _arguments()
    torch.set_num_threads(asked.threads)
    table = read_table(asked.data)
    table = table.slice(0, asked.rows or table.num_rows)
    codec = Codec.fit(table, detect_schema(table))
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    with TemporaryDirectory() as folder, Tvae(asked, table, Path(folder)) as peer:
        for turn in range(asked.repeats):
            ours.append(_ours(table, codec, asked, turn))
            theirs.append(peer.fit(turn))
    where = f"{asked.data.name}, {table.num_rows:,} rows, batch {asked.batch}, {asked.epochs} epochs"
    shape = f"{asked.layers} x {asked.hidden}, latent {asked.latent}"
    print(f"{where}, {shape}, {asked.threads} thread(s) of a CPU, {asked.repeats} turns\n")
    print("| | rows/s, median (from, to) | whole fit, s |\n|---|--:|--:|")
    rates = [
        _row(name, runs, table.num_rows * asked.epochs)
        for name, runs in (("augment", ours), ("TVAE", theirs))
    ]
    ratios = sorted(b["loop_s"] / a["loop_s"] for a, b in zip(ours, theirs, strict=True))
    print(
        f"\naugment / TVAE: {rates[0] / rates[1]:.2f} (turn by turn {ratios[0]:.2f} to {ratios[-1]:.2f}); ",
        end="",
    )
    print(f"aim {_TARGET:.0f}")
    print(_on_a_gpu(table, codec, asked) if torch.cuda.is_available() else "not measured on a GPU")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="training", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/tabular/adult_train.csv.gz"))
    parser.add_argument("--rows", type=int, default=None, help="the first so many")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--latent", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers/bin/python"))
    return parser.parse_args()


def _settings(asked: argparse.Namespace, device: str) -> TrainConfig:
    """Return TVAE's sizes; as TVAE, every row is trained on, and a look at a few held-out ones is ours."""
    vae = {"hidden": asked.hidden, "layers": asked.layers, "latent_dim": asked.latent, "prior": "normal"}
    settings = {"models": ["vae"], "epochs": asked.epochs, "batch_size": asked.batch, "vae": vae}
    return TrainConfig.model_validate(
        settings | {"device": device, "patience": asked.epochs, "holdout": 0.001, "max_steps": 10**9}
    )


def _ours(
    table: pa.Table, codec: Codec, asked: argparse.Namespace, seed: int, device: str = "cpu"
) -> dict[str, float]:
    started = time.perf_counter()
    encoded, _ = codec.encode(table)
    config = _settings(asked, device).model_copy(update={"seed": seed})
    report = train_models(encoded, codec.layout, config, Watcher())["vae"].report
    passes = report.steps * asked.batch / table.num_rows
    whole = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"loop_s": report.seconds * asked.epochs / passes, "whole_s": whole, "peak_mib": peak}


def _row(name: str, runs: list[dict[str, float]], rows: int) -> float:
    rates = sorted(rows / run["loop_s"] for run in runs)
    whole = statistics.median(run["whole_s"] for run in runs)
    middle = statistics.median(rates)
    print(f"| {name} | {middle:,.0f} ({rates[0]:,.0f}, {rates[-1]:,.0f}) | {whole:.1f} |")
    return middle


def _on_a_gpu(table: pa.Table, codec: Codec, asked: argparse.Namespace) -> str:
    runs = [_ours(table, codec, asked, seed, "cuda") for seed in range(asked.repeats)]
    rate = table.num_rows * asked.epochs / statistics.median(run["loop_s"] for run in runs)
    return f"on {torch.cuda.get_device_name()}: {rate:,.0f} rows/s"


class Tvae:
    """CTGAN's TVAE in a process of the peers' Python; use as a context."""

    def __init__(self, asked: argparse.Namespace, table: pa.Table, folder: Path) -> None:
        self._asked = asked
        self._data = folder / "data.parquet"
        frame: pd.DataFrame = table.to_pandas()
        numbers = frame.select_dtypes("number").columns
        self._discrete = frame.columns.difference(numbers).tolist()
        frame[self._discrete] = frame[self._discrete].astype(object).fillna("missing").astype(str)
        frame[numbers] = frame[numbers].fillna(frame[numbers].mean())
        frame.to_parquet(self._data)
        script = Path(__file__).with_name("tvae_process.py")
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [asked.peers, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def fit(self, seed: int) -> dict[str, float]:
        """Return seconds of the loop and of all, and the peak memory."""
        names = ("epochs", "batch", "hidden", "layers", "latent", "threads")
        task: dict[str, Any] = {name: getattr(self._asked, name) for name in names}
        task |= {"data": str(self._data), "discrete": self._discrete, "seed": seed}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(task), file=self._process.stdin, flush=True)
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer


if __name__ == "__main__":
    main()
