"""Some of the rows of a step, for figures: from the beginnings of parts that are spread evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from augment.data import conform
from augment.data.parquet_parts import in_part
from augment.scale.parts import RealPart
from augment.sources.facts import reading_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from augment.scale.plan import Plan
    from augment.scale.stores import Store

__all__ = ["given_sample", "made_sample"]

_PLACES = 64


def given_sample(plan: Plan, rows: int) -> Iterator[pa.Table]:
    """Yield rows of the input that fit the model: all of them, if they are no more than so many.

    Raises:
        DataFileError: The input cannot be read.
        SchemaError: A row does not fit the model.
    """
    reader, schema = plan.reader(), reading_schema(plan.facts)
    for number, count in _chosen(plan, plan.parts.given, rows):
        part = plan.parts[number]
        assert isinstance(part, RealPart)  # noqa: S101 - all given ones are
        file = plan.parts.files[part.file]
        table = reader.read(file, part.start, count)
        with in_part(file.path, part.start):
            yield conform(table, schema, partial=True)


def made_sample(plan: Plan, store: Store, rows: int) -> Iterator[pa.Table]:
    """Yield synthetic rows of the output."""
    for number, count in _chosen(plan, range(plan.parts.given.stop, len(plan.parts)), rows):
        data = store.read(plan.parts[number].name)
        if data is not None:
            yield pq.read_table(pa.BufferReader(data)).slice(0, count)


def _chosen(plan: Plan, numbers: range, rows: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers of parts, and how many of each one's rows are taken."""
    total = sum(plan.parts[number].rows for number in numbers) if len(numbers) <= _PLACES else rows + 1
    if total <= rows:
        yield from ((number, plan.parts[number].rows) for number in numbers)
        return
    places = np.unique(np.linspace(0, len(numbers) - 1, min(_PLACES, len(numbers))).round().astype(int))
    for place in places.tolist():
        yield numbers[place], min(plan.parts[numbers[place]].rows, -(-rows // len(places)))
