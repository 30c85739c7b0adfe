"""What a step will do, known before any of it is done."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from augment.bundle.manifest import canonical_json
from augment.errors import RequestError, Violation
from augment.scale.amounts import planned_draws
from augment.scale.heads import PROVENANCE, checked_head
from augment.scale.inputs import Reader, find_inputs
from augment.scale.operations import Augment, Denoise, Encode, Impute, Score
from augment.scale.parts import Parts
from augment.scale.places import is_within
from augment.scale.processing import applied, generated
from augment.sources.facts import reading_schema
from augment.sources.source import Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from augment.data import Schema
    from augment.scale.config import StepConfig
    from augment.scale.heads import Head
    from augment.scale.operations import Operation
    from augment.scale.parts import Draw
    from augment.sources.facts import Facts
    from augment.sources.source import Source

__all__ = ["Plan", "make_plan", "where_of"]

MAX_PARTS = 10_000_000
"""Of which the first process keeps a list: half a gigabyte."""
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

    def where(self, threads: int | None = None) -> Where:
        """Return where this very version is, though there may be newer ones by now.

        Args:
            threads: Of one computation; None: by the CPUs there are.
        """
        config, facts = self.config, self.facts
        name = config.model if config.server is None else facts.name
        return Where(name, config.models, config.server, facts.version, threads)

    @property
    def is_whole(self) -> bool:
        """Whether an operation needs given cells that nothing has filled in before."""
        return needs_whole_rows(self.config.operations)

    @property
    def rows(self) -> int:
        """How many there are before a filter."""
        return self.parts.real_rows + self.parts.synthetic_rows

    def reader(self) -> Reader:
        """Return a reader of the input."""
        return Reader(reading_schema(self.facts), self.config.drop)


def where_of(config: StepConfig) -> Where:
    """Return where the model is, as a step says."""
    return Where(config.model, config.models, config.server, config.version)


def needs_whole_rows(operations: Sequence[Operation]) -> bool:
    """Return whether rows are encoded or scored before their missing cells are filled in."""
    first = next((one for one in operations if not isinstance(one, Augment)), None)
    return isinstance(first, Encode | Score)


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
    wanted = reading_schema(facts, exact=needs_whole_rows(config.operations))
    head = checked_head(files, reader, wanted, filled=isinstance(config.operations[0], Denoise | Impute))
    draws = planned_draws(config.operations, files, reader, config.seed)
    block = max(1, facts.block_rows)
    parts = Parts(files, draws, max(1, config.part_rows // block) * block)
    if len(parts) > MAX_PARTS:
        rule, found = f"must make at most {MAX_PARTS:,} parts", f"{len(parts):,} parts of {parts.size:,} rows"
        raise RequestError(Violation("part_rows", rule, found, "Set a larger one, or make several steps"))
    extras = _rehearsed(config, source, head, draws)
    return Plan(config, facts, parts, _output_schema(facts, schema, head.texts, extras), head.texts)


def _check_apart(config: StepConfig) -> None:
    """Refuse an output that the next run would read."""
    for path in config.input or ():
        if is_within(config.output, path):
            rule = f"must lie outside of the input, {path}"
            raise RequestError.of("output", rule, config.output, "Give another directory")


def _rehearsed(config: StepConfig, source: Source, head: Head, draws: tuple[Draw, ...]) -> pa.Schema:
    """Return the columns that operations append, found by doing them on a few rows."""
    digest = source.facts.digest
    fields: dict[str, pa.Field] = {}

    def rehearse(operations: Sequence[Operation], table: pa.Table) -> None:
        made = applied(source, operations, table, digest=digest, first_row=0, taken=head.texts.names)
        fields.update({name: pa.field(name, column.type) for name, column in made.extras.items()})

    if head.rows is not None:
        rehearse(config.operations, head.rows.drop_columns(head.texts.names))
    for draw in draws:
        with _of_operation(draw.operation):
            table, _ = generated(source, draw.request.part(0, 1))
        rehearse(config.operations[draw.operation + 1 :], table)
    return pa.schema(list(fields.values()))


@contextmanager
def _of_operation(number: int) -> Iterator[None]:
    """Say which operation asks for what cannot be."""
    try:
        yield
    except RequestError as exc:
        raise RequestError(*exc.violations, context=exc.context or f"operations[{number}]") from exc


def _output_schema(facts: Facts, schema: Schema, texts: pa.Schema, extras: pa.Schema) -> pa.Schema:
    """Return the model's columns and the texts in file order, what was appended, then where rows are from."""
    own = [column.name for column in schema.columns]
    fields = [
        (texts if name in texts.names else facts.schema).field(name)
        for name in own
        if name in texts.names or name in facts.schema.names
    ]
    return pa.schema([*fields, *extras, *PROVENANCE], metadata=facts.schema.metadata)
