"""`augment encode`: records to latent vectors."""

from __future__ import annotations

import typer

from augment.cli.options import DEFAULT_MODELS, ModelName, Models, Out, RecordsFile, Server, Threads, Version

__all__ = ["encode"]


def encode(
    name: ModelName,
    records: RecordsFile,
    out: Out,
    models: Models = DEFAULT_MODELS,
    server: Server = None,
    version: Version = None,
    threads: Threads = None,
) -> None:
    """Turn records into latent vectors: a few numbers each, for another model to learn from.

    Writes columns latent_0, latent_1, ... with one row for each row of DATA, in its order.

    [bold]Examples[/]

      augment encode adult adult.csv --out latent.parquet
      augment encode adult adult.csv --out latent.csv --server localhost:50051
    """
    from augment.cli.records import read_records, warn_unseen  # noqa: PLC0415
    from augment.cli.repair import counted_portions  # noqa: PLC0415 - help must not wait for imports
    from augment.cli.sink import check_output, write_batches  # noqa: PLC0415
    from augment.cli.sources import Where, open_source  # noqa: PLC0415

    check_output(out)
    with open_source(Where(name, models, server, version, threads)) as source:
        facts = source.facts
        table = read_records(records, facts).records
        made = [(start, source.encode(part)) for start, part in counted_portions(table, facts)]
    warn_unseen([(start, unseen) for start, latents in made for unseen in latents.unseen])
    schema = made[0][1].latent.schema
    written = write_batches(out, schema, [latents.latent for _, latents in made])
    typer.echo(f"wrote {written:,} latent vectors of width {len(schema)} to {out}")
