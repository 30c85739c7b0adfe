"""Prints rows a second of our VAE and of TVAE at the same layer sizes, batch and epochs, turn by turn."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import torch

from augment.data import Codec, detect_schema, read_table
from augment.training import Progress, TrainConfig, Watcher, train_models
from training.page import page

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_SIZES = ("epochs", "batch", "hidden", "layers", "latent", "threads")


class _Clock(Watcher):
    """Counts the CPU seconds from the beginning of training to the end of the last epoch."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0

    def on_stage(self, stage: str) -> None:  # noqa: ARG002 - there is one
        """Begin."""
        self.began = time.process_time()

    def on_epoch(self, progress: Progress) -> None:  # noqa: ARG002 - each counts
        """End here, unless another epoch follows."""
        self.ended = time.process_time()


def main() -> None:
    """Measure, print the page, and write it with the figures of each turn."""
    asked = _arguments()
    torch.set_num_threads(asked.threads)
    table = read_table(asked.data)
    table = table.slice(0, asked.rows or table.num_rows)
    codec = Codec.fit(table, detect_schema(table))
    found: dict[str, Any] = {"augment": [], "TVAE": [], "load": [os.getloadavg()[0]]}
    with TemporaryDirectory() as folder, Tvae(asked, table, Path(folder)) as peer:
        for turn in range(asked.repeats):
            found["augment"].append(_ours(table, codec, asked, turn))
            found["TVAE"].append(peer.fit(turn))
            found["load"].append(os.getloadavg()[0])
    on_gpu = _on_a_gpu(table, codec, asked) if torch.cuda.is_available() else "Not measured on a GPU."
    found |= {"data": asked.data.name, "rows": table.num_rows, "cores": os.cpu_count()}
    found |= {name: getattr(asked, name) for name in _SIZES}
    text = f"{page(found)}\n{on_gpu}\n"
    print(text)
    asked.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    asked.out.with_suffix(".md").write_text(text, encoding="utf-8")


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
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/training"))
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
    clock = _Clock()
    report = train_models(encoded, codec.layout, config, clock)["vae"].report
    passes = report.steps * asked.batch / table.num_rows
    whole = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share = asked.epochs / passes
    seconds = {"loop_s": report.seconds * share, "loop_cpu_s": (clock.ended - clock.began) * share}
    return {**seconds, "whole_s": whole, "peak_mib": peak}


def _on_a_gpu(table: pa.Table, codec: Codec, asked: argparse.Namespace) -> str:
    runs = [_ours(table, codec, asked, seed, "cuda") for seed in range(asked.repeats)]
    rate = table.num_rows * asked.epochs / statistics.median(run["loop_s"] for run in runs)
    return f"On {torch.cuda.get_device_name()}: {rate:,.0f} rows/s."


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
        task: dict[str, Any] = {name: getattr(self._asked, name) for name in _SIZES}
        task |= {"data": str(self._data), "discrete": self._discrete, "seed": seed}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(task), file=self._process.stdin, flush=True)
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer


if __name__ == "__main__":
    main()
