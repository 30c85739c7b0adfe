"""Models as people and programs read about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augment.cli.console import out, warn
from augment.cli.summary import grid
from augment.errors import ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from augment.sources.facts import Facts

__all__ = ["hosted", "print_facts", "print_models", "stored"]

Entry = dict[str, Any]


def stored(models: Path) -> list[Entry]:
    """Return every bundle in a models directory that can be used; warn of the others.

    Raises:
        ModelNotFoundError: There is none.
    """
    from augment.bundle import list_bundles, open_bundle  # noqa: PLC0415 - pydantic, not for --server
    from augment.errors import BundleError  # noqa: PLC0415

    entries = []
    for path in list_bundles(models):
        try:
            bundle = open_bundle(path)
        except BundleError as exc:
            warn(str(exc))
            continue
        made, rows = bundle.manifest.created_at, bundle.manifest.training.rows
        entries.append(_entry(bundle.name, bundle.version, made.isoformat(), rows))
    if not entries:
        raise ModelNotFoundError(str(models))
    return entries


def hosted(server: str) -> list[Entry]:
    """Return the newest version of each model that a server hosts."""
    from augment.sources.server import connected  # noqa: PLC0415 - the client may not be installed

    with connected(server) as client:
        return [
            _entry(model.name, model.version, model.created_at.isoformat(), model.training_rows)
            for model in client.models()
        ]


def _entry(name: str, version: int, created_at: str, training_rows: int) -> Entry:
    return {"name": name, "version": version, "created_at": created_at, "training_rows": training_rows}


def print_models(entries: list[Entry], *, as_json: bool) -> None:
    """Print one line a model."""
    if as_json:
        _print_json(entries)
        return
    table = grid("", "name", "version", "made", "training rows")
    for entry in entries:
        made = entry["created_at"][:16].replace("T", " ")
        table.add_row(
            Text(entry["name"], "bold cyan"), str(entry["version"]), made, f"{entry['training_rows']:,}"
        )
    out().print(table)


def print_facts(facts: Facts, *, as_json: bool) -> None:
    """Print all that a model says of itself."""
    if as_json:
        _print_json(_as_dict(facts))
        return
    console = out()
    lines = {
        "model": f"{facts.name}, version {facts.version}",
        "at": facts.place,
        "made": facts.created_at.strftime("%Y-%m-%d %H:%M UTC"),
        "sha256": facts.digest,
        "trained on": f"{facts.training_rows:,} rows",
        "can": ", ".join(facts.operations),
        "samplers": ", ".join(facts.samplers),
        "latent": f"{facts.latent_dim} dimensions",
    }
    for label, value in lines.items():
        console.print(Text(f"{label:11}", "dim").append(value, "default not dim"), soft_wrap=True)
    console.print(_columns(facts))
    _print_resolved(facts)
    _print_figures(facts)


def _columns(facts: Facts) -> Any:
    table = grid("\ncolumns", "name", "kind", "missing", "type", "unit")
    types = {field.name: str(field.type) for field in facts.schema}
    for column in facts.columns:
        kind = f"{column.kind} (target)" if column.role == "target" else column.kind
        missing = "yes" if column.nullable else ""
        table.add_row(
            Text(column.name, "bold"), kind, missing, Text(types.get(column.name, "left out")), column.unit
        )
    return table


def _print_resolved(facts: Facts) -> None:
    """Print what each model was trained with, where that is told."""
    for model, settings in facts.resolved.items():
        text = ", ".join(f"{name} {_short(value)}" for name, value in settings.items())
        out().print(
            Text(f"\n{model} was trained with ", "dim").append(text, "default not dim"), soft_wrap=True
        )


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _print_figures(facts: Facts) -> None:
    if not facts.figures:
        return
    table = grid("\nfigures", "name", "value")
    for name, value in sorted(facts.figures.items()):
        table.add_row(name, f"{value:.4g}")
    out().print(table)


def _as_dict(facts: Facts) -> Entry:
    types = {field.name: str(field.type) for field in facts.schema}
    columns = [
        {
            "name": column.name,
            "kind": column.kind,
            "nullable": column.nullable,
            "role": column.role,
            "unit": column.unit,
            "type": types.get(column.name),
        }
        for column in facts.columns
    ]
    return {
        "name": facts.name,
        "version": facts.version,
        "digest": facts.digest,
        "created_at": facts.created_at.isoformat(),
        "place": facts.place,
        "training_rows": facts.training_rows,
        "operations": list(facts.operations),
        "samplers": list(facts.samplers),
        "latent_dim": facts.latent_dim,
        "block_rows": facts.block_rows,
        "columns": columns,
        "figures": dict(facts.figures),
    } | ({"resolved": dict(facts.resolved)} if facts.resolved else {})


def _print_json(value: Any) -> None:
    out().print(json.dumps(value, indent=2, ensure_ascii=False), soft_wrap=True, markup=False)
