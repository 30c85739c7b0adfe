"""`augment train`: from a data file to a published bundle."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from augment.cli.console import hint, warn
from augment.cli.options import DataFile  # noqa: TC001 - Typer reads the annotations

__all__ = ["train"]

_TRAINING = "Training"
_PRIVACY = "Privacy"


class Device(StrEnum):
    """Where to train."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Resume(StrEnum):
    """Whether an unfinished run goes on."""

    AUTO = "auto"
    NEVER = "never"


def train(  # noqa: PLR0913, PLR0917 - a command's options
    data: DataFile,
    name: Annotated[str, typer.Option("--name", "-n", help="The model's name.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory of bundles to publish to.")] = Path(
        "models"
    ),
    schema: Annotated[
        Path | None, typer.Option("--schema", help="YAML of `augment schema`; detected if not given.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="The column that downstream models predict.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="YAML of settings; the options below go over it.", rich_help_panel=_TRAINING
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="NAME[,NAME]",
            help="vae, denoiser, maker, autoencoder; vae,denoiser if not said.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs", min=1, help="At most; by the number of rows if not said.", rich_help_panel=_TRAINING
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option("--max-steps", min=1, help="Steps of a model, at most.", rich_help_panel=_TRAINING),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Rows a step.", rich_help_panel=_TRAINING)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", min=0, help="Same seed, same device: same weights.", rich_help_panel=_TRAINING
        ),
    ] = None,
    device: Annotated[
        Device | None,
        typer.Option("--device", help="auto takes a GPU where there is one.", rich_help_panel=_TRAINING),
    ] = None,
    judge: Annotated[  # noqa: FBT002 - Typer makes a flag of it
        bool,
        typer.Option(
            "--judge/--no-judge",
            help="Judge samples against held-out rows; the figures go into the bundle.",
            rich_help_panel=_TRAINING,
        ),
    ] = True,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Bundle to go on from with these rows, new categories included, e.g. models/adult/3.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream",
            help="Train on Parquet from disk in bounded memory; by itself where memory would get short.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    dp_epsilon: Annotated[
        float | None,
        typer.Option(
            "--dp-epsilon",
            help="Train with differential privacy: what all models may spend together, e.g. 3.",
            rich_help_panel=_PRIVACY,
        ),
    ] = None,
    dp_delta: Annotated[
        float | None,
        typer.Option(
            "--dp-delta",
            help="Probability that epsilon may fail with; rows**-1.1 if not said.",
            rich_help_panel=_PRIVACY,
        ),
    ] = None,
    dp_max_grad_norm: Annotated[
        float | None,
        typer.Option(
            "--dp-max-grad-norm",
            help="To which each record's gradient is shortened; 1 if not said.",
            rich_help_panel=_PRIVACY,
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option("--tensorboard", help="Directory to log losses to.", rich_help_panel=_TRAINING),
    ] = None,
    mlflow: Annotated[
        str | None,
        typer.Option("--mlflow", help="URI of an MLflow server or store.", rich_help_panel=_TRAINING),
    ] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            "--run-dir",
            help="Where config, losses, plot and checkpoints go; runs/NAME/TIME if not said.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    resume: Annotated[
        Resume,
        typer.Option(
            "--resume",
            help="auto goes on where the same command was killed or stopped; never begins anew.",
            rich_help_panel=_TRAINING,
        ),
    ] = Resume.AUTO,
) -> None:
    """Learn a data file and publish a bundle: a VAE and a denoiser, that generate, impute and repair.

    The bundle is the next version under OUT/NAME; earlier versions stay as they are, whatever happens.
    Killed, and run again: it goes on where it was. Ctrl-C exports the best so far; a second one ends at once.

    [bold]Examples[/]

      augment train adult.csv --name adult --target income
      augment train adult.csv --name adult --schema adult.schema.yaml --out models/ --epochs 20 --seed 1
      augment train adult.parquet --name adult --config train.yaml --device cuda
      augment train adult.csv --name adult-code --models autoencoder
      augment train adult.csv --name adult-private --dp-epsilon 3
      augment train parts/ --name big --stream
    """
    from augment.cli.summary import print_trained  # noqa: PLC0415 - help must not wait for torch
    from augment.cli.training import (  # noqa: PLC0415
        Plan,
        Trackers,
        bundle_at,
        opened_training_data,
        read_training_data,
        settings_of,
        train_bundle,
    )
    from augment.training import Runs  # noqa: PLC0415

    flags: dict[str, Any] = {
        "models": None if models is None else [each.strip() for each in models.split(",")],
        "epochs": epochs,
        "max_steps": max_steps,
        "batch_size": batch_size,
        "seed": seed,
        "device": device,
    }
    private = {"epsilon": dp_epsilon, "delta": dp_delta, "max_grad_norm": dp_max_grad_norm}
    start = bundle_at(start) if start is not None else None
    settings = settings_of(
        config or start, {key: value for key, value in flags.items() if value is not None}, private
    )
    large = opened_training_data(data, stream=stream, seed=settings.seed)
    table, found = read_training_data(data, schema_file=schema, target=target, start=start, large=large)
    runs = Runs(directory=run_dir, parent=Path("runs") / name, resume=resume.value)
    trackers = Trackers(tensorboard, mlflow)
    plan = Plan(name=name, out=out, runs=runs, judged=judge, start=start, trackers=trackers)
    made = train_bundle(table, found, settings, plan)
    if os.environ.get("RANK", "0") != "0":  # one of several processes of torchrun; the first one tells
        return
    print_trained(made.bundle, made.run_dir)
    if made.signal is not None:
        unfinished = made.run_dir is not None and (made.run_dir / "checkpoints").exists()
        more = "the same command goes on" if unfinished else "its samples may not be judged: augment evaluate"
        warn(f"stopped before the end: this is the best so far; {more}")
        raise typer.Exit(128 + made.signal)
    if made.bundle.manifest.samplers:
        arrays = any(column.kind == "array" for column in made.bundle.manifest.record_schema.columns)
        hint(f"augment generate {name} --models {out} --rows 1000 --out new.{'parquet' if arrays else 'csv'}")
    else:
        hint(f"augment info {name} --models {out}")
