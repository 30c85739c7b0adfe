"""Does the rest of a record follow its conditions? A detector's verdict.

Trains the denoiser on Adult's training file and asks for records under conditions. Each lot is set against
the real rows of that kind; beside it stand as many unconditional records against as many real rows, because
a detector sees more with more rows, and the real rows of the test file of that kind, which are the floor.

Usage: python benchmarks/conditions.py [DIRECTORY] [SEED]
The directory holds adult_train.csv.gz and adult_test.csv.gz; ../shared/data/tabular if not said.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pyarrow as pa

from augment.data import compile_restrictions, detect_schema, satisfied
from augment.evaluation import evaluate
from augment.runtime.asked import Asked
from augment.runtime.generation import generated_batches
from augment.runtime.wish import wish_of
from augment.training import TrainConfig
from augment.training.in_memory import fit_engine, sample
from fidelity.datasets import DATASETS

CONDITIONS = (
    ("income = >50K", "sex = Female"),
    ("age in 30..40",),
    ("age in 20..30", "hours-per-week in 35..45", "income = <=50K"),
    ("occupation is missing",),
    ("education in {Masters, Doctorate}",),
)
AUC = "fidelity.detection_auc"


def main(directory: Path, seed: int) -> None:
    """Print a table."""
    adult = DATASETS["adult"]
    if absent := adult.missing_files(directory):
        print(f"not run: {directory} lacks {', '.join(absent)}")
        return
    split = adult.read(directory)
    schema = detect_schema(split.train, target=adult.target)
    started = time.perf_counter()
    engine = fit_engine(split.train, schema, TrainConfig(models=("maker",), seed=seed))
    print(f"trained in {time.perf_counter() - started:.0f} s, seed {seed}\n")
    free = sample(engine, "denoiser", split.train.num_rows, seed=seed)
    print(
        "| conditions | real rows | satisfied | AUC | AUC unconditional, as many rows | real test rows | s |"
    )
    print("|---|---|---|---|---|---|---|")
    for conditions in CONDITIONS:
        real, held = (
            table.filter(satisfied(table, list(conditions), schema)) for table in (split.train, split.holdout)
        )
        rows, started = real.num_rows, time.perf_counter()
        wish = wish_of(engine.codec.layout, Asked(compile_restrictions(engine.codec, conditions)))
        batches = generated_batches(engine, "denoiser", wish, seed=seed, offset=0, rows=rows, max_rows=rows)
        made = pa.Table.from_batches(batches, engine.codec.wire_schema).cast(engine.codec.result_schema)
        seconds = time.perf_counter() - started
        kept = satisfied(made, list(conditions), schema).true_count / rows
        under = evaluate(real, held, made, schema=schema, seed=seed).figures[AUC]
        drawn = split.train.slice(0, rows)
        plain = evaluate(drawn, split.holdout, free.slice(0, rows), schema=schema, seed=seed).figures[AUC]
        floor = "-" if under.floor is None else f"{under.floor:.3f}"
        print(
            f"| {', '.join(conditions)} | {rows:,} | {kept:.1%} | {under.value:.3f} | {plain.value:.3f} "
            f"| {floor} | {seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/tabular"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 0,  # noqa: PLR2004 - the second argument
    )
