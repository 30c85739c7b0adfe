"""`augment schema`: what each column is taken for, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augment.cli.console import hint, out, warn
from augment.cli.options import DataFile  # noqa: TC001 - Typer reads the annotations
from augment.errors import RequestError

if TYPE_CHECKING:
    from augment.data.schema import Schema

__all__ = ["schema"]


def schema(
    data: DataFile,
    target: Annotated[
        str | None, typer.Option("--target", help="The column that downstream models predict.")
    ] = None,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="YAML file to write; DATA's name with .schema.yaml if not said."),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a schema file that is there.")] = False,
) -> None:
    """Show what each column is taken for and why, and write it to a YAML file to edit.

    [bold]Examples[/]

      augment schema customers.csv --target churned
      augment schema customers.csv --out customers.yaml && $EDITOR customers.yaml
      augment train customers.csv --schema customers.yaml --name customers
    """
    from augment.cli.about import about  # noqa: PLC0415 - help must not wait for imports
    from augment.cli.sink import write_bytes  # noqa: PLC0415 - help must not wait for imports
    from augment.data import detect_schema, dump_schema, read_table, schema_warnings  # noqa: PLC0415

    path = out_file or Path(f"{data.name.partition('.')[0] or 'data'}.schema.yaml")
    if path.exists() and not force:
        raise RequestError.of(
            "--out", "must not be there yet", str(path), "Give --force to replace it, or another --out"
        )
    with about(data):
        table = read_table(data)
        found = detect_schema(table, target=target)
    _show(found, f"{data.name}: {table.num_rows:,} rows, {len(found.columns)} columns")
    for warning in schema_warnings(found):
        warn(warning)
    write_bytes(path, dump_schema(found).encode())
    typer.echo(f"wrote {path}")
    hint(f"edit {path}, then: augment train {data} --schema {path} --name NAME")


def _show(found: Schema, title: str) -> None:
    from rich.table import Table  # noqa: PLC0415 - help must not wait for imports
    from rich.text import Text  # noqa: PLC0415

    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    for name in ("column", "kind", "missing", "storage", "why"):
        table.add_column(name, overflow="fold")
    for column in found.columns:
        kind = f"{column.kind} (target)" if column.role == "target" else column.kind
        style = {"text": "yellow", "identifier": "yellow"}.get(column.kind, "cyan")
        missing = "yes" if column.nullable else ""
        table.add_row(
            Text(column.name, "bold"),
            Text(kind, style),
            missing,
            Text(column.storage),
            Text(column.why, "dim"),
        )
    out().print(table)
