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
    from augment.cli.told import tell_file  # noqa: PLC0415
    from augment.sources.source import Where  # noqa: PLC0415 - help must not wait for imports

    written, first = tell_file(
        Where(name, models, server, version, threads),
        records,
        out,
        lambda source, part: source.encode(part),
        lambda told: told.latent,
        operation="encode",
    )
    typer.echo(f"wrote {written:,} latent vectors of width {first.latent.num_columns} to {out}")
