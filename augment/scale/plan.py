"""What a step will do, known before any of it is done."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from augment.bundle.manifest import canonical_json
from augment.data import conform
from augment.data.schema import TextColumn
from augment.errors import ColumnNotFoundError, InvalidInputError, RecordsError, RequestError
from augment.scale.amounts import planned_draws
from augment.scale.config import Denoise, Impute
from augment.scale.inputs import InputFile, Reader, find_inputs
from augment.scale.parts import Parts
from augment.scale.places import is_within
from augment.scale.processing import applied, generated
from augment.sources.facts import reading_schema
from augment.sources.source import Asked, Where

if TYPE_CHECKING:
    from augment.data import Schema
    from augment.scale.config import Operation, StepConfig
    from augment.scale.parts import Draw
    from augment.sources.facts import Facts
    from augment.sources.source import Source

__all__ = ["PROVENANCE", "Plan", "make_plan", "where_of"]

PROVENANCE = pa.schema(
    [("_synthetic", pa.bool_()), ("_model", pa.string()), ("_seed", pa.uint64()), ("_row", pa.int64())]
)
"""The last columns of the output: whether a row is synthetic, of which model, by which seed; its number."""
_GLANCE_ROWS = 16
_ELSEWHERE = ("input", "output", "model", "models", "version", "server", "engine", "workers", "address")
_TOLD_APART = ("part_rows",)  # as whole blocks
_GATES = ("max_drift", "max_detection_auc")


@dataclass(frozen=True)
class Plan:
    """All that a part's rows follow from.

    Attributes:
        config: What is to be done.
        facts: What the model says of itself.
        parts: Which rows are in which part.
        schema: Of every part, without metadata.
        texts: The free-text columns of the input, with their types; they are passed on.
    """

    config: StepConfig
    facts: Facts
    parts: Parts
    schema: pa.Schema
    texts: pa.Schema

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the rows follow from; where things are and who makes them is left out."""
        return self.config.model_dump(mode="json", exclude={*_ELSEWHERE, *_TOLD_APART, *_GATES})

    @property
    def identity(self) -> str:
        """What names the output: sha256 over all that its rows follow from, in hex."""
        inputs = [(file.rows, file.fingerprint, file.partition) for file in self.parts.files]
        told = {
            "model": [self.facts.name, self.facts.version, self.facts.digest],
            "settings": self.settings,
            "inputs": inputs,
            "part_rows": self.parts.size,
        }
        return hashlib.sha256(canonical_json(told)).hexdigest()

    @property
    def rows(self) -> int:
        """How many there are before a filter."""
        return self.parts.real_rows + self.parts.synthetic_rows

    def reader(self) -> Reader:
        """Return a reader of the input."""
        return Reader(reading_schema(self.facts), self.config.drop)

    def asked(self, draw: Draw) -> Asked:
        """Return what is asked of a request's rows."""
        return Asked(draw.conditions, draw.balance, draw.steps)


def where_of(config: StepConfig, *, threads: int | None = None) -> Where:
    """Return where the model is."""
    from pathlib import Path  # noqa: PLC0415 - a name like a setting's

    return Where(config.model, Path(config.models), config.server, config.version, threads)


def make_plan(config: StepConfig, source: Source) -> Plan:
    """Look at the model and the input, try the operations on the first rows, and count.

    Raises:
        DataFileError: The input is empty, or one of its files is damaged.
        RecordsError: A file's columns do not fit the model.
        RequestError: An operation is impossible.
        UnsupportedError: The model cannot do one of them.
    """
    facts = source.facts
    schema = reading_schema(facts)
    reader = Reader(schema, config.drop)
    _check_apart(config)
    files = find_inputs(config.input, reader) if config.input is not None else ()
    _check_names(facts)
    repaired = isinstance(config.operations[0], Denoise | Impute)
    heads = [_checked_head(file, reader, schema, repaired=repaired, first=files[0]) for file in files]
    draws = planned_draws(config.operations, files, reader)
    block = max(1, facts.block_rows)
    parts = Parts(files, draws, max(1, config.part_rows // block) * block)
    extras = _rehearsed(config, source, heads, draws)
    texts = _texts(heads, schema)
    return Plan(config, facts, parts, _output_schema(facts, schema, texts, extras), texts)


def _check_apart(config: StepConfig) -> None:
    """Refuse an output that the next run would read."""
    for path in config.input or ():
        if is_within(config.output, path):
            rule = f"must lie outside of the input, {path}"
            raise RequestError.of("output", rule, config.output, "Give another directory")


def _check_names(facts: Facts) -> None:
    taken = sorted(set(PROVENANCE.names) & {column.name for column in facts.columns})
    if taken:
        rule = "must not be the model's: a step writes it itself"
        raise RequestError.of(f"columns.{taken[0]}", rule, "a column", "Train without this column")


def _checked_head(
    file: InputFile, reader: Reader, schema: Schema, *, repaired: bool, first: InputFile
) -> pa.Table:
    """Return the first rows of a file, which fit the model."""
    head = reader.read(file, 0, min(_GLANCE_ROWS, file.rows))
    _check_columns(file, head, schema, repaired=repaired)
    there = set(reader.read(first, 0, 1).column_names) if file is not first else set(head.column_names)
    if differing := sorted(there ^ set(head.column_names)):
        rule = f"must be in every file or in none: {first.path} differs"
        raise RecordsError.of(f"columns.{differing[0]}", rule, "not so", context=file.path)
    try:
        conform(head, schema, partial=True)
    except InvalidInputError as exc:
        raise RecordsError(*exc.violations, context=file.path) from exc
    return head


def _check_columns(file: InputFile, head: pa.Table, schema: Schema, *, repaired: bool) -> None:
    """Refuse columns of an earlier step, and a file without columns that no operation fills in."""
    if own := [name for name in PROVENANCE.names if name in head.column_names]:
        remedy = f"Leave them out with drop: [{', '.join(own)}]"
        rule = "must not be in the input: a step writes it itself"
        raise RecordsError.of(f"columns.{own[0]}", rule, "a column", remedy, context=file.path)
    optional = {"identifier", "text"}
    for column in schema.columns:
        if not repaired and column.kind not in optional and column.name not in head.column_names:
            raise ColumnNotFoundError(column.name, tuple(head.column_names), context=file.path)


def _rehearsed(
    config: StepConfig, source: Source, heads: list[pa.Table], draws: tuple[Draw, ...]
) -> pa.Schema:
    """Return the columns that operations append, found by doing them on a few rows."""
    digest = source.facts.digest
    fields: dict[str, pa.Field] = {}

    def rehearse(operations: tuple[Operation, ...], table: pa.Table) -> None:
        made = applied(source, operations, table, digest=digest, first_row=0)
        fields.update({name: pa.field(name, column.type) for name, column in made.extras.items()})

    if heads:
        texts = [column.name for column in source.facts.columns if column.kind == "text"]
        head = heads[0].drop_columns([name for name in texts if name in heads[0].column_names])
        rehearse(config.operations, head)
    for draw in draws:
        asked = Asked(draw.conditions, draw.balance, draw.steps)
        table, _ = generated(source, 1, seed=config.seed, offset=0, sampler=draw.sampler, asked=asked)
        rehearse(config.operations[draw.operation + 1 :], table)
    return pa.schema(list(fields.values()))


def _texts(heads: list[pa.Table], schema: Schema) -> pa.Schema:
    names = [column.name for column in schema.columns if isinstance(column, TextColumn)]
    head = heads[0].schema if heads else pa.schema([])
    return pa.schema([pa.field(name, head.field(name).type) for name in names if name in head.names])


def _output_schema(facts: Facts, schema: Schema, texts: pa.Schema, extras: pa.Schema) -> pa.Schema:
    """Return the model's columns and the texts in file order, what was appended, then where rows are from."""
    own = [column.name for column in schema.columns]
    fields = [
        (texts if name in texts.names else facts.schema).field(name)
        for name in own
        if name in texts.names or name in facts.schema.names
    ]
    return pa.schema([*fields, *extras, *PROVENANCE], metadata=facts.schema.metadata)
