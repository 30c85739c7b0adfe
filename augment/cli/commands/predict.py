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
    from augment.cli.records import read_records, warn_unseen  # noqa: PLC0415
    from augment.cli.repair import counted_portions  # noqa: PLC0415 - help must not wait for imports
    from augment.cli.sink import check_output, write_batches  # noqa: PLC0415
    from augment.cli.sources import Where, open_source  # noqa: PLC0415

    check_output(out)
    with open_source(Where(name, models, server, version, threads)) as source:
        facts = source.facts
        table = read_records(records, facts).records
        made = [(start, source.predict(part)) for start, part in counted_portions(table, facts)]
    warn_unseen([(start, unseen) for start, told in made for unseen in told.unseen])
    schema = made[0][1].predictions.schema
    written = write_batches(out, schema, [told.predictions for _, told in made])
    typer.echo(f"wrote {written:,} predictions of {made[0][1].target} to {out}")
