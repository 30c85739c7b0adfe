"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "DEFAULT_MODELS",
    "DataFile",
    "ModelName",
    "Models",
    "Out",
    "RecordsFile",
    "Server",
    "Threads",
    "Version",
]

DEFAULT_MODELS = Path("models")
_SOURCE = "Where the model is"

DataFile = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="CSV (also .gz, any common delimiter), Parquet (also a directory of parts) or Arrow.",
    ),
]
RecordsFile = Annotated[
    Path, typer.Argument(metavar="DATA", help="Records with the model's columns: CSV, Parquet or Arrow.")
]
ModelName = Annotated[
    str, typer.Argument(metavar="NAME", help="The model's name, or a path to one version's directory.")
]
Models = Annotated[Path, typer.Option("--models", help="Directory of bundles.", rich_help_panel=_SOURCE)]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help="Ask this server instead; the output is the same. AUGMENT_CA names the PEM file of who signed "
        "its certificate (TLS), AUGMENT_TOKEN holds your token.",
        rich_help_panel=_SOURCE,
    ),
]
Version = Annotated[
    int | None,
    typer.Option("--version", help="The model's version; the newest if not said.", rich_help_panel=_SOURCE),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        help="Threads of one computation; by the CPUs there are if not said.",
        rich_help_panel=_SOURCE,
    ),
]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", help="File to write: .csv, .csv.gz, .parquet, .arrow, .feather or .npz."),
]
