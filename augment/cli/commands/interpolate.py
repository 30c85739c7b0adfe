"""`augment interpolate`: records on the way from one record to another."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from augment.cli.options import DEFAULT_MODELS, ModelName, Models, Out, RecordsFile, Server, Threads, Version

__all__ = ["interpolate"]


class Method(StrEnum):
    """The path between two records."""

    AUTO = "auto"
    GUIDED = "guided"
    LINEAR = "linear"
    SLERP = "slerp"


def interpolate(  # noqa: PLR0913, PLR0917 - a command's options
    name: ModelName,
    records: RecordsFile,
    out: Out,
    start: Annotated[
        list[int] | None,
        typer.Option("--from", metavar="ROW", help="Row of DATA to begin at, counted from 0."),
    ] = None,
    end: Annotated[
        list[int] | None, typer.Option("--to", metavar="ROW", help="Row to end at; one for each --from.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="Records a pair, both ends included.")] = 8,
    method: Annotated[
        Method,
        typer.Option(
            "--method",
            help="guided: through plausible records; linear, slerp: through the latent space; "
            "auto: guided where the model can.",
        ),
    ] = Method.AUTO,
    models: Models = DEFAULT_MODELS,
    server: Server = None,
    version: Version = None,
    threads: Threads = None,
) -> None:
    """Make the records between two real ones: each lies between them and hangs together by itself.

    A guided path begins and ends with the two records; one through the latent space with their
    reconstructions. With several pairs, path follows path. Deterministic. Rows 0 and 1 if none are said.

    [bold]Examples[/]

      augment interpolate adult adult.csv --from 0 --to 7 --steps 8 --out path.csv
      augment interpolate digits digits.parquet --from 3 --to 8 --from 1 --to 7 --out paths.parquet
    """
    from augment.cli.records import pick_rows, read_records, warn_unseen  # noqa: PLC0415
    from augment.cli.sink import check_output, write_batches  # noqa: PLC0415
    from augment.sources.facts import formats_of  # noqa: PLC0415 - help must not wait for imports
    from augment.sources.source import Where, open_source  # noqa: PLC0415

    check_output(out)
    with open_source(Where(name, models, server, version, threads)) as source:
        facts = source.facts
        check_output(out, facts.schema)
        table = read_records(records, facts).records
        ends = pick_rows(table, start or [0], end or [1])
        made = source.interpolate(*ends, steps=steps, method=method.value)
    warn_unseen([(0, unseen) for unseen in made.unseen])
    schema = facts.receipt("interpolate", made.records.num_rows).on(facts.schema)
    written = write_batches(out, schema, [made.records], formats_of(facts.schema))
    typer.echo(f"wrote {written:,} records to {out}: {ends[0].num_rows:,} paths of {steps} steps")
