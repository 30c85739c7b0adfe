"""How many synthetic rows a step adds, and of which classes."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from augment.data import OneOf, conform
from augment.data.conditions import text_of
from augment.data.parquet_parts import in_part
from augment.data.shares import MAX_CLASSES
from augment.errors import ColumnNotFoundError, RequestError
from augment.scale.operations import Augment
from augment.scale.parts import Draw
from augment.sources.source import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from augment.data import Schema
    from augment.scale.inputs import InputFile, Reader
    from augment.scale.operations import Operation

__all__ = ["class_counts", "filled_up", "planned_draws"]

_AT_ONCE = 65_536


def planned_draws(
    operations: Sequence[Operation], files: Sequence[InputFile], reader: Reader, seed: int
) -> tuple[Draw, ...]:
    """Return what is to be made, in the order of the operations.

    No two rows have the same address: each request goes on where the one before ended.

    Raises:
        RequestError: A step asks for fewer rows than there are, or balances by a column of too many values.
        ColumnNotFoundError: It balances by a column that is not there.
    """
    draws: list[Draw] = []
    rows = sum(file.rows for file in files)
    offset = 0
    for place, operation in enumerate(operations):
        if not isinstance(operation, Augment):
            continue
        wanted = _added(operation, rows, place)
        for conditions, count in _by_class(operation, wanted, files, reader):
            balance = operation.balance if not files else None
            how = (operation.sampler, conditions, balance, operation.steps)
            draws.append(Draw(place, Request(count, seed, offset, *how)))
            offset += count
            rows += count
    return tuple(draws)


def filled_up(counts: Mapping[str, int], added: int | None) -> dict[str, int]:
    """Return how many rows of each class to add: the rarest first, until all have as many.

    Args:
        counts: How many there are, by class.
        added: How many in all; None: until all have as many as the commonest.

    >>> filled_up({"a": 6, "b": 2, "c": 1}, 3)
    {'b': 1, 'c': 2}
    """
    most = max(counts.values())
    if added is None:
        return {each: most - count for each, count in counts.items() if count < most}
    low, high = 0, most + added
    while low < high:  # the highest level that so many rows reach
        level = (low + high + 1) // 2
        if sum(max(0, level - count) for count in counts.values()) <= added:
            low = level
        else:
            high = level - 1
    more = {each: max(0, low - count) for each, count in counts.items()}
    left = added - sum(more.values())
    for each in [each for each, count in counts.items() if count <= low][:left]:
        more[each] += 1
    return {each: count for each, count in more.items() if count}


def class_counts(column: str, files: Iterable[InputFile], reader: Reader) -> dict[str, int]:
    """Return how many rows of the input have each value of a column, as text; missing cells are left out.

    Raises:
        ColumnNotFoundError: A file has no such column.
        RequestError: There are too many values, or none.
    """
    counts: Counter[str] = Counter()
    for file in files:
        names = [name for name in reader.names(file) if name not in reader.drop]
        if column not in names:
            raise ColumnNotFoundError(column, tuple(names), context=file.path)
        for start in range(0, file.rows, _AT_ONCE):
            table = reader.read(file, start, min(_AT_ONCE, file.rows - start), only=column)
            with in_part(file.path, start):
                counts.update(_counted(table, column, reader.schema))
            if len(counts) > MAX_CLASSES:
                rule = f"must name a column of at most {MAX_CLASSES} values"
                raise RequestError.of("augment.balance", rule, column)
    if not counts:
        raise RequestError.of("augment.balance", "must name a column with cells that are there", column)
    return dict(sorted(counts.items()))


def _added(operation: Augment, rows: int, place: int) -> int | None:
    """Return how many rows are added; None: as many as balance needs."""
    if operation.rows is None and operation.factor is None:
        return None
    factor = None if operation.factor is None else Fraction(repr(operation.factor))  # 1.1 of 50 is 55
    asked = operation.rows if factor is None else math.ceil(factor * rows)
    assert asked is not None  # noqa: S101 - one of the two is there
    if asked < rows:
        rule = f"must be at least the {rows} rows there are before it"
        raise RequestError.of(f"operations[{place}].rows", rule, asked)
    return asked - rows


def _by_class(
    operation: Augment, wanted: int | None, files: Sequence[InputFile], reader: Reader
) -> list[tuple[tuple[str, ...], int]]:
    """Return the conditions of each class, and how many of it are added."""
    if operation.balance is None or not files:
        return [(operation.conditions, wanted)] if wanted else []
    more = filled_up(class_counts(operation.balance, files, reader), wanted)
    column = operation.balance
    return [((*operation.conditions, OneOf(column, (each,)).text), count) for each, count in more.items()]


def _counted(table: pa.Table, column: str, schema: Schema) -> dict[str, int]:
    """Return how often each value is there, told as the model has it: 1 and 1.0 are one class of integers."""
    one = schema.model_copy(update={"columns": (schema.column(column),)})
    pairs = conform(table.select([column]), one, partial=True)[column].drop_null().value_counts()
    return {text_of(pair["values"].as_py()): pair["counts"].as_py() for pair in pairs}
