"""`augment generate`: synthetic records into a file."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from augment.cli.options import DEFAULT_MODELS, ModelName, Models, Out, Server, Threads, Version

__all__ = ["generate"]

_ASKED = "What is asked of the records"


def generate(  # noqa: PLR0913, PLR0917 - a command's options
    name: ModelName,
    rows: Annotated[int, typer.Option("--rows", "-n", help="How many records.")],
    out: Out,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="The same seed gives the same records; drawn and told if not said."),
    ] = None,
    offset: Annotated[
        int,
        typer.Option(
            "--offset", help="First row of the seed's endless table: 1000 goes on after the first 1,000."
        ),
    ] = 0,
    sampler: Annotated[
        str | None, typer.Option("--sampler", help="Way to generate; augment info shows them.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help='What every record satisfies, e.g. "age in 30..40"; may be given several times.',
            rich_help_panel=_ASKED,
        ),
    ] = None,
    balance: Annotated[
        str | None,
        typer.Option(
            "--balance",
            metavar="COLUMN",
            help='Equal shares of this column\'s classes ("target": the target column), or such as '
            '"income: >50K=0.3, <=50K=0.7".',
            rich_help_panel=_ASKED,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            help="Steps in which a record is made: fewer are faster and coarser.",
            rich_help_panel=_ASKED,
        ),
    ] = None,
    models: Models = DEFAULT_MODELS,
    server: Server = None,
    version: Version = None,
    threads: Threads = None,
) -> None:
    """Make synthetic records, as many as wanted, in constant memory.

    Row i of a model and a seed is always the same, however many rows are asked for, and whether they are
    made here or by a server: the files are equal, byte for byte.

    Conditions ([bold]--where[/]) all hold for every record, and never make the records fewer:
    "age = 40", "sex in {Male, Female}", "age in 30..40", "age >= 30", "day < 2024-04-01",
    "income = >50K", "x is missing", "x is not missing".

    [bold]Examples[/]

      augment generate adult --rows 1000 --seed 7 --out new.csv
      augment generate adult --rows 10000000 --seed 7 --out new.parquet --server localhost:50051
      augment generate adult --rows 1000 --where "age in 30..40" --where "income = >50K" --out some.csv
      augment generate adult --rows 1000 --balance income --steps 8 --out even.csv
      augment generate models/adult/3 --rows 500 --offset 1000 --seed 7 --out more.arrow
    """
    from augment.cli.progress_rows import counted  # noqa: PLC0415
    from augment.cli.sink import check_output, write_batches  # noqa: PLC0415
    from augment.sources.facts import formats_of  # noqa: PLC0415 - help must not wait for imports
    from augment.sources.source import Request, Where, open_source  # noqa: PLC0415

    check_output(out)
    with open_source(Where(name, models, server, version, threads)) as source:
        facts = source.facts
        check_output(out, facts.schema)
        seed = secrets.randbits(32) if seed is None else seed
        made = source.generate(Request(rows, seed, offset, sampler, tuple(where or ()), balance, steps))
        schema = made.receipt.on(facts.schema)
        written = write_batches(out, schema, counted(made.tables, rows), formats_of(facts.schema))
    typer.echo(f"wrote {written:,} records of {facts.name}/{facts.version} with seed {seed} to {out}")
