"""What privacy costs: fidelity of synthetic Adult against epsilon.

Trains a VAE and the denoiser's maker on Adult's training file for each epsilon, and once without; epsilon is
what both spend together. A judge sets as many synthetic records against real ones, with the test file as
the floor. Cells that `benchmarks/results/private.json` holds for the same settings are kept.

Usage: python benchmarks/private.py --help
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from augment.data import detect_schema
from augment.evaluation import evaluate
from augment.training import TrainConfig, Watcher
from augment.training.in_memory import fit_engine, sample
from augment.training.privacy import plan_mechanism, private_settings
from fidelity.datasets import DATASETS, Split

RESULTS = Path(__file__).with_name("results")
MODELS = {"vae": "vae", "maker": "denoiser"}
FIGURES = {
    "fidelity.detection_auc": "detected (AUC)",
    "fidelity.shape_error": "shape error",
    "fidelity.trend_error": "trend error",
    "utility.trained_on_synthetic": "trained on them (AUC)",
    "utility.trained_on_real": "on real rows",
}


def main() -> None:
    """Measure what is not there yet, and write the table."""
    asked = _arguments()
    torch.set_num_threads(asked.threads)
    adult = DATASETS["adult"]
    if absent := adult.missing_files(asked.data):
        print(f"not run: {asked.data} lacks {', '.join(absent)}")
        return
    split = adult.read(asked.data)
    split = Split(split.train.slice(0, asked.rows or split.train.num_rows), split.holdout)
    store = asked.out / "private.json"
    found: dict[str, Any] = json.loads(store.read_text()) if store.is_file() else {}
    for epsilon in [*asked.epsilon, None]:
        key = _key(asked, split, epsilon)
        if key not in found:
            found[key] = _measured(asked, split, epsilon)
            store.write_text(json.dumps(found, indent=1) + "\n")
            (asked.out / "private.md").write_text(_page(found))
            print(key, json.dumps(found[key]["samplers"]), flush=True)
    print(_page(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="private", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/tabular"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--rows", type=int, default=None, help="the first so many")
    parser.add_argument("--epsilon", type=float, nargs="*", default=[10.0, 3.0, 1.0])
    parser.add_argument("--steps", type=int, default=None, help="of each private model")
    parser.add_argument("--batch", type=int, default=None, help="of each private model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _key(asked: argparse.Namespace, split: Split, epsilon: float | None) -> str:
    size = f"rows {split.train.num_rows}, seed {asked.seed}"
    if epsilon is None:
        return f"no privacy, {size}"
    return f"epsilon {epsilon:g}, {size}, steps {asked.steps or 'default'}, batch {asked.batch or 'default'}"


def _measured(asked: argparse.Namespace, split: Split, epsilon: float | None) -> dict[str, Any]:
    settings: dict[str, Any] = {"models": [*MODELS], "seed": asked.seed, "device": "cpu"}
    if epsilon is not None:
        settings |= {"privacy": {"epsilon": epsilon}, "max_steps": asked.steps, "batch_size": asked.batch}
    config, rows = TrainConfig.model_validate(settings), split.train.num_rows
    chosen = private_settings(config, rows)
    mechanism = plan_mechanism(chosen, len(MODELS), rows)
    target = DATASETS["adult"].target
    schema = detect_schema(split.train, target=target)
    started = time.perf_counter()
    engine = fit_engine(split.train, schema, config, Watcher())
    seconds = time.perf_counter() - started
    samplers = {}
    for sampler in MODELS.values():
        made = sample(engine, sampler, min(rows, 10_000), seed=asked.seed)
        judged = evaluate(
            split.train, split.holdout, made, schema=schema, target=target, seed=asked.seed, max_rows=10_000
        )
        samplers[sampler] = {name: judged.figures[name].value for name in FIGURES}
    return {
        "epsilon": epsilon,
        "delta": None if epsilon is None else rows**-1.1,
        "rows": rows,
        "noise_multiplier": None if mechanism is None else mechanism.noise_multiplier,
        "steps": chosen.max_steps if epsilon is not None else None,
        "batch": chosen.batch_size if epsilon is not None else None,
        "seconds": round(seconds),
        "samplers": samplers,
    }


def _page(found: dict[str, Any]) -> str:
    lines = [
        "# Fidelity against epsilon, Adult",
        "",
        "`make bench-private`. Epsilon is of both models together, delta is rows^-1.1; the encoding tables",
        "are not covered (docs/training.md). 10,000 synthetic records each; one seed a row.",
        "",
        f"| epsilon | rows | steps x batch | noise | sampler | {' | '.join(FIGURES.values())} | trained, s |",
        f"|--:|--:|--:|--:|---|{'--:|' * (len(FIGURES) + 1)}",
    ]
    for cell in sorted(found.values(), key=lambda cell: (-cell["rows"], cell["epsilon"] or 1e9)):
        private = cell["epsilon"] is not None
        how = (
            f"{cell['epsilon']:g} | {cell['rows']:,} | {cell['steps']:,} x {cell['batch']:,} | "
            f"{cell['noise_multiplier']:.2f}"
            if private
            else f"none | {cell['rows']:,} | by the data | 0"
        )
        for sampler, figures in cell["samplers"].items():
            told = " | ".join(f"{figures[name]:.3f}" for name in FIGURES)
            lines.append(f"| {how} | {sampler} | {told} | {cell['seconds']:,} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
