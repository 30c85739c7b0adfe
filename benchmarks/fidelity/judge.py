"""The judge in a process of its own: what `augment evaluate` does, over one cell's rows.

Usage:

python -m fidelity.judge JOB.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

from augment.data import detect_schema
from augment.evaluation import evaluate
from fidelity.cell import FIGURES, HOLDOUT, SYNTHETIC

__all__ = ["main"]


def main(job_path: Path) -> None:
    """Judge, and write every figure with its floor."""
    job = json.loads(job_path.read_text(encoding="utf-8"))
    out = Path(job["directory"])
    train = pq.read_table(job["train"])
    own = out / HOLDOUT
    evaluation = evaluate(
        train,
        pq.read_table(own if own.is_file() else job["holdout"]),
        pq.read_table(out / SYNTHETIC),
        schema=detect_schema(train, target=job["target"]),
        target=job["target"],
        seed=job["seed"],
    )
    figures = {name: [figure.value, figure.floor] for name, figure in evaluation.figures.items()}
    part = out / f"{FIGURES}.part"
    part.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    part.replace(out / FIGURES)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
