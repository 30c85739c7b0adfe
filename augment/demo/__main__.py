"""`python -m augment.demo`, which `make demo` runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from augment.cli.console import say
from augment.cli.environment import let_threads_sleep
from augment.cli.guard import GuardedCommand
from augment.errors import PublishError, RequestError

__all__ = ["app"]

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich", add_completion=False)


@app.command(cls=GuardedCommand)
def demo(
    data: Annotated[Path | None, typer.Option("--data", help="Your own CSV, Parquet or Arrow file.")] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Its column that downstream models predict.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Directory for everything that is made.")] = Path(
        "demo-output"
    ),
    rows: Annotated[
        int, typer.Option("--rows", min=20, max=1_000_000, help="Synthetic records to make.")
    ] = 1_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of training, splitting and generating.")] = 0,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="At most; by the number of rows if not said.")
    ] = None,
) -> None:
    """Train, export, serve and call on real data, and make a page to look at.

    Without --data: breast_cancer as a table and digits as images, which scikit-learn ships.
    """
    if target is not None and data is None:
        raise RequestError.of("TARGET", "needs DATA, the file that it is a column of", target)
    let_threads_sleep()
    from augment.demo.show import show_demo  # noqa: PLC0415 - help must not wait for torch

    started = time.monotonic()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise PublishError(f"{out} cannot be made: {exc.strerror}") from exc
    show_demo(data, target, out, rows=rows, seed=seed, epochs=epochs, started=started)
    say("")


if __name__ == "__main__":
    app()
