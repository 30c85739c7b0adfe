"""`augment serve`: the gRPC server."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

__all__ = ["serve"]


class LogLevel(StrEnum):
    """The least important log lines to write."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    CONSOLE = "console"


def serve(
    models: Annotated[
        str | None,
        typer.Option(
            "--models", help="Directory of the bundles to host, or s3://, gs://; models/ if not said."
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; 127.0.0.1 if not said.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", help="Port to listen on; 50051 if not said, 0 takes a free one."),
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads of one computation.")] = None,
    log_level: Annotated[LogLevel | None, typer.Option("--log-level")] = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option("--log-format", help="console on a terminal, json elsewhere, if not said."),
    ] = None,
) -> None:
    """Host the newest version of every model in a directory, over gRPC; newer ones are taken up.

    Whatever is not said here is taken from AUGMENT_... variables, such as AUGMENT_PORT. Ctrl-C or SIGTERM
    stops taking calls and lets those in flight finish. More settings: python -m augment_server --help.

    [bold]Examples[/]

      augment serve --models models/
      AUGMENT_TLS_CERT=chain.pem AUGMENT_TLS_KEY=key.pem augment serve --host 0.0.0.0
      augment info --server localhost:50051
    """
    from pydantic import ValidationError  # noqa: PLC0415
    from pydantic_settings import SettingsError  # noqa: PLC0415 - the server may not be installed

    from augment_server.main import serve as run  # noqa: PLC0415 - the server may not be installed
    from augment_server.no_pickle import pickles_refused  # noqa: PLC0415 - likewise
    from augment_server.refused_settings import refused  # noqa: PLC0415
    from augment_server.settings import Settings  # noqa: PLC0415

    given: dict[str, Any] = {"models": models, "host": host, "port": port, "threads": threads}
    given |= {"log_level": log_level and log_level.value, "log_format": log_format and log_format.value}
    chosen = {name: value for name, value in given.items() if value is not None}
    if "log_format" not in chosen and sys.stderr.isatty():
        chosen["log_format"] = LogFormat.CONSOLE.value
    try:
        settings = Settings(**chosen)
    except (ValidationError, SettingsError) as exc:
        raise refused(exc) from exc
    with pickles_refused():
        run(settings)
