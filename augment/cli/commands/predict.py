"""`augment predict`: the class or value that a model predicts of records."""

from __future__ import annotations

import typer

from augment.cli.options import DEFAULT_MODELS, ModelName, Models, Out, RecordsFile, Server, Threads, Version

__all__ = ["predict"]


def predict(
    name: ModelName,
    records: RecordsFile,
    out: Out,
    models: Models = DEFAULT_MODELS,
    server: Server = None,
    version: Version = None,
    threads: Threads = None,
) -> None:
    """Predict the class of records, with the probability of each class, or a value.

    Writes a column prediction and, for classes, columns probability_CLASS, with one row for each row of
    DATA, in its order. This needs a model of PretrainedClassifier or PretrainedRegressor.

    [bold]Examples[/]

      augment predict adult adult.csv --out predicted.parquet
      augment predict adult adult.csv --out predicted.csv --server localhost:50051
    """
    from augment.cli.told import tell_file  # noqa: PLC0415
    from augment.sources.source import Where  # noqa: PLC0415 - help must not wait for imports

    written, first = tell_file(
        Where(name, models, server, version, threads),
        records,
        out,
        lambda source, part: source.predict(part),
        lambda told: told.predictions,
        operation="predict",
    )
    typer.echo(f"wrote {written:,} predictions of {first.target} to {out}")
