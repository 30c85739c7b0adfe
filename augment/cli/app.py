"""The Typer application and its commands."""

from __future__ import annotations

import inspect
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from augment.cli.commands.denoise import denoise
from augment.cli.commands.encode import encode
from augment.cli.commands.evaluate import evaluate
from augment.cli.commands.generate import generate
from augment.cli.commands.info import info
from augment.cli.commands.interpolate import interpolate
from augment.cli.commands.predict import predict
from augment.cli.commands.schema import schema
from augment.cli.commands.score import score
from augment.cli.commands.serve import serve
from augment.cli.commands.sign import sign
from augment.cli.commands.step import step
from augment.cli.commands.train import train
from augment.cli.guard import GuardedGroup

__all__ = ["app"]


app = typer.Typer(
    cls=GuardedGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=(
        "A first walk: [bold]augment schema[/] data.csv, [bold]augment train[/] data.csv --name mine, "
        "[bold]augment generate[/] mine --rows 1000 --out new.csv"
    ),
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's callback
    if not wanted:
        return
    try:
        number = version("augment-service")
    except PackageNotFoundError:  # run from a source tree
        number = "0+source"
    typer.echo(f"augment {number}")
    raise typer.Exit


@app.callback()
def _root(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a failure (or set AUGMENT_DEBUG=1).")
    ] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Learn a data set once; then make synthetic records, paths between records, and repaired records.

    Reads and writes CSV, CSV.gz, Parquet and Arrow files.

    Exit codes: 0 done, 1 unexpected failure, 2 bad input, 3 a limit of a step's is passed, 130 interrupted.
    """


def _help(text: str | None) -> str:
    """Return a docstring with its paragraphs flowing and its indented lines as they are."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    flowing = [part if part.startswith(" ") else " ".join(part.split("\n")) for part in paragraphs]
    return "\n\n".join(flowing)


for _command in (
    schema,
    train,
    info,
    serve,
    sign,
    generate,
    interpolate,
    denoise,
    encode,
    score,
    predict,
    evaluate,
    step,
):
    app.command(help=_help(_command.__doc__))(_command)
