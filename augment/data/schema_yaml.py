"""Schemas as YAML files that people read and edit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from augment.data.schema import Schema
from augment.data.storage import fits_kind, usual_storage
from augment.errors import PublishError, SchemaError, Violation, shorten

__all__ = ["check_storage", "dump_schema", "load_schema", "parse_schema", "save_schema"]

_HEADER = """\
# What each column of the data is. Edit freely; `why` says how each kind was chosen.
#
# kind: integer     whole numbers
#       number      real numbers; `decimals` places are kept
#       category    values compared by equality alone; order and distance mean nothing
#       boolean     true or false
#       datetime    points in time; `format` as strptime has it, `zone` an IANA name
#       array       arrays of one `shape`
#       identifier  never learnt, made anew in a `pattern` (A a 0 x *: letter, letter, digit, hex, any)
#                   or counted up from `start`
#       text        free text: never learnt, left out of what is generated
# role: target      the column that downstream models predict; at most one
# nullable: true    cells may be missing, and are generated so as often as in the data
# unit:             for people, e.g. kg
# storage:          the type in the data file, and of what is given back
"""
_FIRST = ("name", "kind", "role", "nullable", "unit", "storage")
_LAST = ("why",)
_KINDS = "must have a kind out of integer, number, category, boolean, datetime, array, identifier, text"
_RULES = {
    "missing": ("must be there", ""),
    "extra_forbidden": ("must be a field that this kind of column has", "Remove it, or mend its spelling"),
    "union_tag_invalid": (_KINDS, ""),
    "union_tag_not_found": (_KINDS, ""),
    "string_type": ("must be text", "Put it in quotes"),
    "too_short": ("must have at least 1 item", ""),
    "tuple_type": ("must be a list", ""),
    "model_attributes_type": ("must be the fields of a column", ""),
}


def dump_schema(schema: Schema) -> str:
    """Return a schema as YAML, with what is as usual left out."""
    document: dict[str, Any] = {
        "columns": [_entry(column.model_dump(mode="json")) for column in schema.columns]
    }
    if schema.pandas_metadata:
        document["pandas_metadata"] = schema.pandas_metadata
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return _HEADER + body.replace("\n- name:", "\n\n- name:")


class _Dumper(yaml.SafeDumper):
    """Writes text with characters that YAML would fold, such as U+0085, in double quotes."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: _Dumper, items: list[Any]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=isinstance(items[0], int))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def _entry(fields: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "nullable": False,
        "role": "feature",
        "unit": "",
        "why": "",
        "format": "",
        "zone": None,
        "decimals": None,
    }
    usual |= {"pattern": "", "start": 0}
    middle = [key for key in fields if key not in _FIRST + _LAST]
    ordered = [key for key in (*_FIRST, *middle, *_LAST) if key in fields]
    return {key: fields[key] for key in ordered if key not in usual or fields[key] != usual[key]}


def save_schema(schema: Schema, path: Path | str) -> None:
    """Write a schema file.

    Raises:
        PublishError: The file cannot be written.
    """
    try:
        Path(path).write_text(dump_schema(schema), encoding="utf-8")
    except OSError as exc:
        raise PublishError(f"{path} cannot be written: {exc}") from exc


def load_schema(path: Path | str) -> Schema:
    """Read a schema file.

    Raises:
        SchemaError: The file is missing, not YAML, or breaks a rule; names file, column, field and rule.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise SchemaError.of("file", "must be a readable YAML file", str(exc), context=str(path)) from exc
    return parse_schema(text, context=str(path))


def parse_schema(text: str, *, context: str = "") -> Schema:
    """Read a schema from YAML; `context` is named in errors."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        raise SchemaError.of(
            where, "must be YAML", getattr(exc, "problem", str(exc)), context=context
        ) from exc
    if not isinstance(document, dict):
        raise SchemaError.of("file", "must have a list `columns`", document, context=context)
    try:
        schema = Schema.model_validate(document)
    except ValidationError as exc:
        raise SchemaError(*_violations(exc, document), context=context) from None
    check_storage(schema, context=context)
    return schema


def check_storage(schema: Schema, *, context: str = "") -> None:
    """Raise where a column's storage is unknown or not one that its kind can have."""
    wrong = [column for column in schema.columns if not fits_kind(column)]
    if wrong:
        raise SchemaError(
            *(
                Violation(
                    f"columns.{column.name}.storage",
                    f"must be an Arrow type that holds {column.kind} values",
                    shorten(column.storage),
                    f"For example {usual_storage(column)}; or change the kind",
                )
                for column in wrong
            ),
            context=context,
        )


def _violations(exc: ValidationError, document: dict[str, Any]) -> list[Violation]:
    """Return pydantic's findings in the words of a schema file."""
    found: list[dict[str, Any]] = [dict(error) for error in exc.errors()]
    own = [error for error in found if error["type"] != "too_short" or not error["input"]]
    return [
        Violation(_field(tuple(error["loc"]), document), rule, _value(str(error["type"]), error), remedy)
        for error in own
        for rule, remedy in [_rule(str(error["type"]), error)]
    ]


def _rule(kind: str, error: dict[str, Any]) -> tuple[str, str]:
    if kind in _RULES:
        return _RULES[kind]
    if kind == "value_error":
        rule, _, _ = str(error["ctx"]["error"]).partition(", got ")
        return rule, ""
    message = str(error["msg"]).removeprefix("Input should ")
    return message.replace("be ", "must be ", 1) if message.startswith("be ") else message, ""


def _value(kind: str, error: dict[str, Any]) -> str:
    if kind == "missing":
        return "nothing"
    if kind == "value_error":
        return str(error["ctx"]["error"]).partition(", got ")[2] or "more"
    if kind.startswith("union_tag"):
        found = error["input"]
        return shorten(found.get("kind") if isinstance(found, dict) else found)
    return shorten(error["input"])


def _field(loc: tuple[str | int, ...], document: dict[str, Any]) -> str:
    """Return the field's path, with the column's name in place of its number."""
    if len(loc) < 2 or loc[0] != "columns":  # noqa: PLR2004
        return ".".join(map(str, loc)) or "columns"
    entry = document["columns"][loc[1]]
    name = entry.get("name") if isinstance(entry, dict) else None
    column = f"columns.{name}" if isinstance(name, str) and name else f"columns[{loc[1]}]"
    return ".".join((column, *map(str, loc[3:])))
