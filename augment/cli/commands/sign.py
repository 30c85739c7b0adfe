"""`augment sign`: who published a bundle."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from augment.cli.options import DEFAULT_MODELS, ModelName, Models, Version

__all__ = ["sign"]


def sign(
    name: ModelName,
    key: Annotated[
        Path, typer.Option("--key", help="PEM file of an Ed25519 private key; made if it is not there.")
    ],
    models: Models = DEFAULT_MODELS,
    version: Version = None,
) -> None:
    """Sign a bundle, so that servers that trust your key serve it and no forged one.

    A key that is not there is made, with KEY.pub.pem beside it: give that one to servers
    ([bold]--trusted-keys[/]), and keep the other.

    [bold]Examples[/]

      augment sign adult --key publisher.pem
      python -m augment_server --models models/ --trusted-keys publisher.pub.pem
    """
    from augment.bundle.signing import new_key, sign_bundle  # noqa: PLC0415 - help must not wait for imports
    from augment.sources.local import bundle_path  # noqa: PLC0415
    from augment.sources.source import Where  # noqa: PLC0415

    path = bundle_path(Where(name, models, None, version))
    if not key.exists():
        public = key.with_suffix(".pub.pem")
        new_key(key, public)
        typer.echo(f"made {key} and {public}")
    identity = sign_bundle(path, key)
    typer.echo(f"signed {path} by the key {identity[:16]}")
