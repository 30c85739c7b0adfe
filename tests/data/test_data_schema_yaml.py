"""Schema files: what is written is read; what is wrong is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data import Schema, dump_schema, load_schema, parse_schema, save_schema
from augment.data.schema import (
    ArrayColumn,
    CategoryColumn,
    Column,
    DatetimeColumn,
    IdentifierColumn,
    NumberColumn,
)
from augment.errors import PublishError, SchemaError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


def columns() -> st.SearchStrategy[Column]:
    """Columns of several kinds with any texts."""
    base = {"name": TEXT.filter(bool), "nullable": st.booleans(), "unit": TEXT, "why": TEXT}
    return st.one_of(
        st.builds(NumberColumn, storage=st.just("float64"), decimals=st.none() | st.integers(0, 17), **base),
        st.builds(CategoryColumn, storage=st.sampled_from(["string", "int8", "dictionary<string>"]), **base),
        st.builds(
            DatetimeColumn,
            storage=st.just("timestamp[us, tz=UTC]"),
            format=TEXT,
            zone=st.none() | TEXT,
            **base,
        ),
        st.builds(
            ArrayColumn, storage=st.just("uint8"), shape=st.lists(st.integers(1, 9), min_size=1), **base
        ),
        st.builds(IdentifierColumn, storage=st.just("int64"), pattern=TEXT, start=st.integers(), **base),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(columns(), min_size=1, max_size=5, unique_by=lambda column: column.name), TEXT)
def test_schemas_survive_yaml(some: list[Column], metadata: str) -> None:
    """Whatever names, texts and numbers: what is dumped is read back the same."""
    schema = Schema(columns=tuple(some), pandas_metadata=metadata)
    assert parse_schema(dump_schema(schema)) == schema


def test_files_are_for_people(tmp_path: Path) -> None:
    """What is as usual is left out; kinds are explained on top; names that YAML mistakes are quoted."""
    schema = Schema(
        columns=(
            NumberColumn(name="No", storage="float64", decimals=2, unit="kg", why="seen"),
            CategoryColumn(name="class", storage="string", role="target", nullable=True),
        ),
        pandas_metadata="{}",
    )
    save_schema(schema, tmp_path / "schema.yaml")
    text = (tmp_path / "schema.yaml").read_text()
    comment, body = text.split("columns:")
    assert all(line.startswith("#") for line in comment.splitlines())
    assert body == (
        "\n\n- name: 'No'\n  kind: number\n  unit: kg\n  storage: float64\n  decimals: 2\n  why: seen\n"
        "\n- name: class\n  kind: category\n  role: target\n  nullable: true\n  storage: string\n"
        "pandas_metadata: '{}'\n"
    )
    assert load_schema(tmp_path / "schema.yaml") == schema


TWO_TARGETS = """
columns:
- {name: x, kind: integer, storage: int8, role: target}
- {name: y, kind: integer, storage: int8, role: target}
"""


@pytest.mark.parametrize(
    ("text", "field", "rule", "value"),
    [
        ("columns: [", "line 1", "must be YAML", "expected"),
        ("- a\n- b\n", "file", "must have a list `columns`", "['a', 'b']"),
        ("", "file", "must have a list `columns`", "None"),
        ("a: 1", "columns", "must be there", "nothing"),
        ("columns: []", "columns", "at least 1 item", "[]"),
        ("columns: 7", "columns", "must be a list", "7"),
        ("columns: [7]", "columns[0]", "fields of a column", "7"),
        (
            "columns: [{name: x, kind: numeric, storage: int8}]",
            "columns.x",
            "must have a kind out of",
            "'numeric'",
        ),
        ("columns: [{name: x, storage: int8}]", "columns.x", "must have a kind out of", "None"),
        ("columns: [{name: x, kind: integer}]", "columns.x.storage", "must be there", "nothing"),
        ("columns: [{name: 2013, kind: integer, storage: int8}]", "columns[0].name", "must be text", "2013"),
        ("columns: [{name: No, kind: integer, storage: int8}]", "columns[0].name", "must be text", "False"),
        (
            "columns: [{name: '', kind: integer, storage: int8}]",
            "columns[0].name",
            "at least 1 character",
            "''",
        ),
        (
            "columns: [{name: x, kind: integer, storage: int8, decimal: 2}]",
            "columns.x.decimal",
            "a field",
            "2",
        ),
        (
            "columns: [{name: x, kind: number, storage: float64, decimals: -1}]",
            "columns.x.decimals",
            "greater",
            "-1",
        ),
        (
            "columns: [{name: x, kind: number, storage: float64, decimals: a}]",
            "columns.x.decimals",
            "integer",
            "'a'",
        ),
        (
            "columns: [{name: x, kind: integer, storage: int8, role: label}]",
            "columns.x.role",
            "'target'",
            "'label'",
        ),
        ("columns: [{name: x, kind: array, storage: int8, shape: [0]}]", "columns.x.shape.0", "greater", "0"),
        (
            "columns: [{name: x, kind: integer, storage: int7}]",
            "columns.x.storage",
            "holds integer",
            "'int7'",
        ),
        (
            "columns: [{name: x, kind: boolean, storage: int8}]",
            "columns.x.storage",
            "holds boolean",
            "'int8'",
        ),
        ("columns: [{name: x, kind: text, storage: int8}]", "columns.x.storage", "holds text", "'int8'"),
        (
            "columns: [{name: x, kind: category, storage: date32}]",
            "columns.x.storage",
            "category",
            "'date32'",
        ),
        (
            "columns: [{name: x, kind: datetime, storage: string}]",
            "columns.x.storage",
            "datetime",
            "'string'",
        ),
        (
            "columns: [{name: x, kind: number, storage: 'decimal128(40, 2)'}]",
            "columns.x.storage",
            "number",
            "'decimal128(40, 2)'",
        ),
        (
            "columns: [{name: x, kind: category, storage: dictionary<null>}]",
            "columns.x.storage",
            "category",
            "'dictionary<null>'",
        ),
        (
            "columns: [{name: x, kind: integer, storage: int8}, {name: x, kind: integer, storage: int8}]",
            "columns",
            "column names must be unique",
            "twice: x",
        ),
        (
            TWO_TARGETS,
            "columns",
            "at most one column may have role: target",
            "more",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, field: str, rule: str, value: str) -> None:
    """Each error names file, column, field, rule and value, and nothing of the parser."""
    path = tmp_path / "schema.yaml"
    path.write_text(text)
    with pytest.raises(SchemaError) as caught:
        load_schema(path)
    violation = caught.value.violations[0]
    assert violation.field == field
    assert rule in violation.rule
    assert value in violation.value
    assert str(caught.value).startswith(f"{path}: ")
    assert "pydantic" not in str(caught.value)
    assert caught.value.__cause__ is None or "yaml" in type(caught.value.__cause__).__module__


def test_several_mistakes_are_named_at_once() -> None:
    """One reading tells all of them."""
    with pytest.raises(SchemaError) as caught:
        parse_schema("columns: [{name: x, kind: integer}, {name: y, kind: z, storage: a}]")
    assert [violation.field for violation in caught.value.violations] == ["columns.x.storage", "columns.y"]


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    """An absent file and one that is not text are schema errors; an absent directory cannot be written to."""
    with pytest.raises(SchemaError, match="must be a readable YAML file"):
        load_schema(tmp_path / "absent.yaml")
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SchemaError, match="must be a readable YAML file"):
        load_schema(tmp_path / "x.yaml")
    schema = parse_schema("columns: [{name: x, kind: integer, storage: int8}]")
    with pytest.raises(PublishError, match="cannot be written"):
        save_schema(schema, tmp_path / "absent" / "x.yaml")


@pytest.mark.parametrize("kind", ["text", "identifier"])
def test_dictionaries_of_text_may_be_declared_away(kind: str) -> None:
    """A dictionary column may be declared text or identifier without a change of its storage."""
    schema = parse_schema(f"columns: [{{name: x, kind: {kind}, storage: dictionary<string>}}]")
    assert schema.columns[0].kind == kind
