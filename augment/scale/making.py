"""One part, made: a pure function of plan and number, so that anybody may make it, and twice."""

from __future__ import annotations

import hashlib
import json
import pickle
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from augment.data import conform
from augment.data.parquet_parts import in_part
from augment.errors import StepError
from augment.scale.parts import RealPart
from augment.scale.processing import Records, applied, generated
from augment.scale.stores import store_at
from augment.sources.facts import reading_schema
from augment.sources.source import open_source
from augment_proto.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from augment.scale.inputs import Reader
    from augment.scale.parts import Part, SyntheticPart
    from augment.scale.plan import Plan
    from augment.scale.stores import Store
    from augment.sources.source import Source

__all__ = ["STEP_KEY", "Made", "Maker", "open_maker", "sendable"]

STEP_KEY = b"augment.step"
"""Where a part's metadata has the identity of the run that it is of."""


@dataclass(frozen=True)
class Made:
    """A part that is in its place.

    Attributes:
        number: Of the part.
        rows: How many it has, after a filter.
        size: Of its file, in bytes.
        sha256: Of its file, in hex.
        was_there: Whether an earlier run made it.
        unseen: By column, cells with values that the model never saw.
    """

    number: int
    rows: int
    size: int
    sha256: str
    was_there: bool = False
    unseen: Mapping[str, int] = field(default_factory=dict)


class Maker:
    """Makes parts of one plan; `open_maker` makes one.

    Args:
        plan: What is to be made.
        source: The model.
        store: Where the parts go.
    """

    def __init__(self, plan: Plan, source: Source, store: Store) -> None:
        if source.facts.digest != plan.facts.digest:
            raise StepError(
                f"the model must stay the same while the step runs: {plan.facts.name} was "
                f"{plan.facts.digest[:12]} and is {source.facts.digest[:12]}"
            )
        self._plan = plan
        self._source = source
        self._store = store
        self._reader: Reader = plan.reader()
        self._identity = plan.identity
        self._schema = reading_schema(plan.facts, exact=plan.is_whole)

    def make(self, number: int) -> Made:
        """Have a part in its place: made now, unless it is there.

        Raises:
            AugmentError: The input, the model or the store fails.
            ClientError: The server does.
        """
        part = self._plan.parts[number]
        data = self._store.read(part.name)
        there = data is not None
        if data is None:
            data = parquet_bytes(self.table(part))
            self._store.write(part.name, data)
        rows, unseen = self._told(part, data)
        return Made(number, rows, len(data), hashlib.sha256(data).hexdigest(), there, unseen)

    def place(self, number: int) -> str:
        """Return where a part's rows are from, for messages."""
        part = self._plan.parts[number]
        if not isinstance(part, RealPart):
            return part.name
        return f"{self._plan.parts.files[part.file].path}, rows from {part.start}"

    def table(self, part: Part) -> pa.Table:
        """Return a part's rows, with what they are made by in the schema's metadata."""
        return self._real(part) if isinstance(part, RealPart) else self._synthetic(part)

    def _real(self, part: RealPart) -> pa.Table:
        file = self._plan.parts.files[part.file]
        given = self._reader.read(file, part.start, part.rows)
        with in_part(file.path, part.start):
            given, texts = self._split(given)
            records = self._applied(given, 0, part.first_row)
        return self._finished(part, records, texts, self._receipt(part))

    def _synthetic(self, part: SyntheticPart) -> pa.Table:
        draw = self._plan.parts.draws[part.draw]
        table, receipt = generated(self._source, draw.request.part(part.first_row, part.rows))
        records = self._applied(table, draw.operation + 1, part.first_row)
        later = self._names(draw.operation + 1)
        done = replace(receipt, operation=", ".join([receipt.operation, *later]))
        return self._finished(part, records, {}, done)

    def _split(self, given: pa.Table) -> tuple[pa.Table, dict[str, pa.ChunkedArray]]:
        """Return the model's columns in its types, and the texts."""
        texts = {field.name: given[field.name].cast(field.type) for field in self._plan.texts}
        absent = [name for name in self._plan.facts.schema.names if name not in given.column_names]
        there = conform(given.drop_columns(list(texts)), self._schema, partial=not self._plan.is_whole)
        return there.select([name for name in self._plan.facts.schema.names if name not in absent]), texts

    def _applied(self, table: pa.Table, since: int, first_row: int) -> Records:
        operations = self._plan.config.operations[since:]
        digest = self._plan.facts.digest
        taken = self._plan.texts.names
        return applied(self._source, operations, table, digest=digest, first_row=first_row, taken=taken)

    def _names(self, since: int) -> list[str]:
        """Return what is done to rows from an operation on."""
        return [one.do for one in self._plan.config.operations[since:] if one.do != "augment"]

    def _receipt(self, part: RealPart) -> Receipt:
        facts = self._plan.facts
        operation = ", ".join(self._names(0)) or "none"
        return Receipt(facts.name, facts.version, facts.digest, operation, part.first_row, part.rows)

    def _finished(
        self, part: Part, records: Records, texts: dict[str, pa.ChunkedArray], receipt: Receipt
    ) -> pa.Table:
        """Return the rows in the plan's columns."""
        columns = {name: records.table[name] for name in records.table.column_names}
        columns |= texts | records.extras | self._provenance(part)
        schema = self._plan.schema
        arrays = [
            _canonical(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(part.rows, field.type)
            for field in schema
        ]
        table = pa.Table.from_arrays(arrays, schema=schema)
        if records.kept is not None:
            table = table.filter(records.kept)
        stamped = receipt.on(schema)
        told = {"identity": self._identity, "part": part.number}
        step = json.dumps({**told, "unseen": records.unseen} if records.unseen else told)
        return table.replace_schema_metadata({**(stamped.metadata or {}), STEP_KEY: step})

    def _provenance(self, part: Part) -> dict[str, pa.Array]:
        facts, synthetic = self._plan.facts, not isinstance(part, RealPart)
        seed = pa.scalar(self._plan.config.seed if synthetic else None, pa.uint64())
        return {
            "_synthetic": pa.repeat(synthetic, part.rows),
            "_model": pa.repeat(f"{facts.name}/{facts.version}", part.rows),
            "_seed": pa.repeat(seed, part.rows),
            "_row": pa.array(range(part.first_row, part.first_row + part.rows), pa.int64()),
        }

    def _told(self, part: Part, data: bytes) -> tuple[int, dict[str, int]]:
        """Return how many rows a part's file has, and how many unseen cells, if it is of this very run."""
        try:
            metadata = pq.read_metadata(pa.BufferReader(data))
            told = json.loads((metadata.metadata or {}).get(STEP_KEY, b"{}"))
        except (pa.ArrowException, ValueError) as exc:
            raise StepError(
                f"{part.name} must be whole Parquet, got: {exc}. Remove it, and run again"
            ) from exc
        if told.get("identity") != self._identity:
            raise StepError(
                f"{part.name} must be of this run, got one of another. Run again with --overwrite"
            )
        return int(metadata.num_rows), told.get("unseen", {})


@contextmanager
def open_maker(plan: Plan, *, threads: int | None = None) -> Iterator[Maker]:
    """Open the model and the output for one worker.

    Args:
        plan: What is to be made.
        threads: Of one computation; None: by the CPUs there are.
    """
    with open_source(plan.where(threads)) as source:
        yield Maker(plan, source, store_at(plan.config.output))


def sendable(exc: Exception) -> Exception:
    """Return what another process can read of what a worker met."""
    try:
        pickle.loads(pickle.dumps(exc))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever its class does
        return StepError(f"{type(exc).__name__}: {exc}")
    return exc


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as Parquet: the same rows give the same bytes."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


def _canonical(cells: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    """Return cells in a type."""
    return cells if cells.type == kind else cells.cast(kind)
