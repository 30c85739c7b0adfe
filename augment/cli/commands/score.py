"""`augment score`: how unusual records are."""

from __future__ import annotations

import typer

from augment.cli.options import DEFAULT_MODELS, ModelName, Models, Out, RecordsFile, Server, Threads, Version

__all__ = ["score"]


def score(
    name: ModelName,
    records: RecordsFile,
    out: Out,
    models: Models = DEFAULT_MODELS,
    server: Server = None,
    version: Version = None,
    threads: Threads = None,
) -> None:
    """Tell how unusual records are: a score each, and its percentile among held-out training rows.

    Writes columns score and percentile with one row for each row of DATA, in its order. A percentile of 99
    says that 99 % of the rows held out of training score lower.

    [bold]Examples[/]

      augment score adult adult.csv --out scores.parquet
      augment score adult adult.csv --out scores.csv --server localhost:50051
    """
    from augment.cli.records import read_records, warn_unseen  # noqa: PLC0415
    from augment.cli.repair import counted_portions  # noqa: PLC0415 - help must not wait for imports
    from augment.cli.sink import check_output, write_batches  # noqa: PLC0415
    from augment.cli.sources import Where, open_source  # noqa: PLC0415

    check_output(out)
    with open_source(Where(name, models, server, version, threads)) as source:
        facts = source.facts
        table = read_records(records, facts).records
        made = [(start, source.score(part)) for start, part in counted_portions(table, facts)]
    warn_unseen([(start, unseen) for start, told in made for unseen in told.unseen])
    schema = made[0][1].scores.schema
    written = write_batches(out, schema, [told.scores for _, told in made])
    typer.echo(f"wrote {written:,} scores to {out}")
