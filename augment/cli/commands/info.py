"""`augment info`: what a model is and can do."""

from __future__ import annotations

from typing import Annotated

import typer

from augment.cli.options import DEFAULT_MODELS, Models, Server, Version

__all__ = ["info"]


def info(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="The model's name, or a path to one version; all models if left out."
        ),
    ] = None,
    models: Models = DEFAULT_MODELS,
    server: Server = None,
    version: Version = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show a model's columns, figures and what can be asked of it; or list all models.

    [bold]Examples[/]

      augment info
      augment info adult --models models/
      augment info adult --server localhost:50051 --json
    """
    from augment.cli import listing  # noqa: PLC0415 - help must not wait for imports
    from augment.sources.source import Where, open_source  # noqa: PLC0415

    if name is None:
        listing.print_models(listing.hosted(server) if server else listing.stored(models), as_json=as_json)
        return
    with open_source(Where(name, models, server, version)) as source:
        listing.print_facts(source.facts, as_json=as_json)
