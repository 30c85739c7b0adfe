"""`augment evaluate`: synthetic rows before a strict judge."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

__all__ = ["evaluate"]


def evaluate(  # noqa: PLR0913, PLR0917 - a command's options
    real: Annotated[
        Path, typer.Option("--real", help="The rows that the generator learnt from: CSV, Parquet or Arrow.")
    ],
    holdout: Annotated[
        Path, typer.Option("--holdout", help="Real rows it never saw; they also show what is possible.")
    ],
    synthetic: Annotated[Path, typer.Option("--synthetic", help="What it made; any tool's output.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The report to write: one .html file.")],
    target: Annotated[
        str | None, typer.Option("--target", help="The column that downstream models predict.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Also write figures and details for programs.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="YAML of `augment schema`; detected if not given.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same files, same seed: same figures.")] = 0,
    max_rows: Annotated[
        int, typer.Option("--max-rows", min=1, help="Of each file; more are cut down at random.")
    ] = 50_000,
) -> None:
    """Judge synthetic rows: fidelity, usefulness, privacy, each beside what fresh real rows get.

    A boosted-tree detector tries to tell them from real rows, a model learns from them, an attacker
    looks for training rows in them. Any tool's files will do: columns are matched by name, in any order.

    [bold]Examples[/]

      augment evaluate --real train.csv --holdout test.csv --synthetic new.csv --target y --out report.html
      augment evaluate --real train.parquet --holdout test.parquet --synthetic tvae.parquet --out tvae.html
      augment evaluate --real a.csv --holdout b.csv --synthetic new.csv --out r.html --json figures.json
    """
    from augment.cli.judging import judge_files, print_evaluation  # noqa: PLC0415 - help must not wait

    found = judge_files(
        (real, holdout, synthetic), schema, target, outputs=(out, json), seed=seed, max_rows=max_rows
    )
    print_evaluation(found)
    typer.echo(f"wrote the report to {out}" + (f" and the figures to {json}" if json else ""))
