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
    from augment.cli.told import tell_file  # noqa: PLC0415
    from augment.sources.source import Where  # noqa: PLC0415 - help must not wait for imports

    written, _ = tell_file(
        Where(name, models, server, version, threads),
        records,
        out,
        lambda source, part: source.score(part),
        lambda told: told.scores,
        operation="score",
    )
    typer.echo(f"wrote {written:,} scores to {out}")
