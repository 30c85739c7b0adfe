"""`augment denoise`: missing cells filled in, wrong cells repaired."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from augment.cli.options import DEFAULT_MODELS, ModelName, Models, Out, RecordsFile, Server, Threads, Version

__all__ = ["denoise"]


def denoise(  # noqa: PLR0913, PLR0917 - a command's options
    name: ModelName,
    records: RecordsFile,
    out: Out,
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold",
            help="Repair cells whose probability of being right is below this; 0: only fill in missing.",
        ),
    ] = 0.5,
    changes: Annotated[
        Path | None,
        typer.Option(
            "--changes", help="Also write each changed cell: row, column, before, after, confidence."
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
    """
    from augment.cli.repair import repair_file  # noqa: PLC0415 - help must not wait for imports
    from augment.cli.sink import check_output  # noqa: PLC0415
    from augment.cli.sources import Where, open_source  # noqa: PLC0415

    check_output(out)
    if changes is not None:
        check_output(changes, option="--changes")
    with open_source(Where(name, models, server, version, threads)) as source:
        repaired = repair_file(source, records, out, threshold=threshold, changes=changes)
    typer.echo(
        f"wrote {repaired.rows:,} records to {out}: {repaired.filled:,} missing cells filled in, "
        f"{repaired.repaired:,} cells repaired"
    )
    if changes is not None:
        typer.echo(f"wrote the changed cells to {changes}")
