"""`augment step`: one step of a data pipeline."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

__all__ = ["step"]


def step(
    config: Annotated[
        Path, typer.Argument(metavar="STEP.YAML", help="Input, model, operations, output; docs/pipelines.md.")
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and show the plan; write nothing.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Remove what an earlier step left in the output; begin anew."),
    ] = False,
) -> None:
    """Do one step of a data pipeline: repair, add synthetic rows, encode, score; into Parquet.

    Run twice, it does nothing the second time. Killed, and run again, it makes the parts that are missing:
    the result is the same, to the byte, whoever made it. The output is whole once it has _manifest.json.

    Exit codes: 0 done, or nothing to do; 1 it cannot go on now, and may be tried again (another run holds the
    output, workers die); 2 bad input, configuration, model or output; 3 a figure is beyond max_drift or
    max_detection_auc; 130 interrupted.

    [bold]Examples[/]

      augment step step.yaml --dry-run
      augment step step.yaml
      augment step step.yaml --overwrite
    """
    from augment.cli.stepping import show_plan, step_file  # noqa: PLC0415 - help must not wait for imports

    if dry_run:
        show_plan(config)
    else:
        step_file(config, overwrite=overwrite)
