"""`augment denoise`: missing cells filled in, wrong cells repaired."""

from __future__ import annotations

import secrets
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from augment.cli.options import DEFAULT_MODELS, ModelName, Models, Out, RecordsFile, Server, Threads, Version
from augment.errors import RequestError

__all__ = ["denoise"]

_DRAWS = "Multiple imputation"


def denoise(  # noqa: PLR0913, PLR0917 - a command's options
    name: ModelName,
    records: RecordsFile,
    out: Out,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            help="Repair cells whose probability of being right is below this; 0: only fill in missing. "
            "0.5 if not said, with --draws 0.",
            show_default=False,
        ),
    ] = None,
    numbers: Annotated[
        str | None,
        typer.Option(
            "--numbers",
            help="What stands for a number: its mean (the value nearest to it) or its median; the mean if "
            "not said.",
            show_default=False,
        ),
    ] = None,
    changes: Annotated[
        Path | None,
        typer.Option(
            "--changes", help="Also write each changed cell: row, column, before, after, confidence."
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            "--draws",
            help="For multiple imputation: write so many completed tables, one below the other, after the "
            "columns draw and row.",
            rich_help_panel=_DRAWS,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            help="The same seed gives the same draws; drawn and told if not said.",
            rich_help_panel=_DRAWS,
        ),
    ] = None,
    models: Models = DEFAULT_MODELS,
    server: Server = None,
    version: Version = None,
    threads: Threads = None,
) -> None:
    """Fill in missing cells and repair those that do not fit the rest of their record.

    Cells that are not changed stay as they are, to the bit. DATA may lack columns: they are filled in.
    Free-text columns are passed on as they are.

    [bold]Examples[/]

      augment denoise adult broken.csv --out repaired.csv --changes changes.csv
      augment denoise adult broken.parquet --threshold 0 --out filled.parquet
      augment denoise adult broken.csv --out repaired.csv --server localhost:50051
      augment denoise adult broken.csv --draws 5 --seed 1 --out completed.parquet
    """
    from augment.cli.completing import complete_file  # noqa: PLC0415 - help must not wait for imports
    from augment.cli.repair import repair_file  # noqa: PLC0415 - help must not wait for imports
    from augment.cli.sink import check_output  # noqa: PLC0415
    from augment.sources.source import Where, open_source  # noqa: PLC0415

    check_output(out)
    if changes is not None:
        check_output(changes, option="--changes")
    where = Where(name, models, server, version, threads)
    if draws is not None:
        _refuse_with_draws(numbers, changes)
        drawn_seed = secrets.randbits(32) if seed is None else seed
        with open_source(where) as source:
            completed = complete_file(source, records, out, draws=draws, seed=drawn_seed, threshold=threshold)
        typer.echo(
            f"wrote {draws:,} completed tables of {completed.rows:,} records to {out}: "
            f"{completed.drawn:,} cells drawn in each with seed {drawn_seed}"
        )
        return
    if seed is not None:
        raise RequestError.of("--seed", "must be given with --draws only", seed)
    with open_source(where) as source:
        repaired = repair_file(source, records, out, threshold=threshold, numbers=numbers, changes=changes)
    typer.echo(
        f"wrote {repaired.rows:,} records to {out}: {repaired.filled:,} missing cells filled in, "
        f"{repaired.repaired:,} cells repaired"
    )
    if changes is not None:
        typer.echo(f"wrote the changed cells to {changes}")


def _refuse_with_draws(numbers: str | None, changes: Path | None) -> None:
    """Refuse what tells of best guesses."""
    for option, value in (("--numbers", numbers), ("--changes", changes)):
        if value is not None:
            raise RequestError.of(option, "must not be given with --draws", str(value))
