"""The Typer application: its commands, and one place where all failures end."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from augment.cli.commands.denoise import denoise
from augment.cli.commands.encode import encode
from augment.cli.commands.generate import generate
from augment.cli.commands.info import info
from augment.cli.commands.interpolate import interpolate
from augment.cli.commands.schema import schema
from augment.cli.commands.serve import serve
from augment.cli.commands.train import train
from augment.cli.failures import failure_of, show

if TYPE_CHECKING:
    import click

__all__ = ["app"]


class _Group(TyperGroup):
    """The commands, in the order of a first walk; their failures become messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; tell a failure in one message."""
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as exc:
            if _is_clicks_own(exc):
                raise
            if ctx.params.get("debug") or os.environ.get("AUGMENT_DEBUG"):
                traceback.print_exc(file=sys.stderr)
            failure = failure_of(exc)
            show(failure)
            raise typer.Exit(failure.code) from exc

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order they were added."""
        return list(self.commands)


def _is_clicks_own(exc: BaseException) -> bool:
    """Whether click shows the exception itself: usage errors, exits, a closed pipe."""
    return type(exc).__module__.partition(".")[0] in {"click", "typer"} or isinstance(exc, BrokenPipeError)


app = typer.Typer(
    cls=_Group,
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

    Exit codes: 0 done, 1 unexpected failure, 2 bad input, 130 interrupted.
    """


def _help(text: str | None) -> str:
    """Return a docstring with its paragraphs flowing and its indented lines as they are."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    flowing = [part if part.startswith(" ") else " ".join(part.split("\n")) for part in paragraphs]
    return "\n\n".join(flowing)


for _command in (schema, train, info, serve, generate, interpolate, denoise, encode):
    app.command(help=_help(_command.__doc__))(_command)
