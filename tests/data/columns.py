"""Columns of every kind to draw from, and their way through a codec and back."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from augment.data import Codec, Encoded, Schema, detect_schema
from augment.data.schema import CategoryColumn, IntegerColumn

INTEGERS = {
    pa.int8(): (-(2**7), 2**7 - 1),
    pa.uint16(): (0, 2**16 - 1),
    pa.int64(): (-(2**63), 2**63 - 1),
    pa.uint64(): (0, 2**64 - 1),
}


def cells(values: st.SearchStrategy[object], *, least: int = 2) -> st.SearchStrategy[list[object]]:
    """Columns of many rows from few or many values, some missing."""
    pool = st.lists(values, min_size=1, max_size=60)
    return pool.flatmap(
        lambda some: st.lists(st.one_of(st.none(), st.sampled_from(some)), min_size=least, max_size=300)
    )


def integer_columns() -> st.SearchStrategy[pa.Array]:
    """Integer columns of several widths, up to the ends of their ranges."""
    return st.sampled_from(list(INTEGERS)).flatmap(
        lambda kind: cells(st.integers(*INTEGERS[kind])).map(lambda values: pa.array(values, kind))
    )


def float_columns() -> st.SearchStrategy[pa.Array]:
    """Floats of all sizes, as 64 and 32 bits."""
    wide = st.floats(allow_nan=False, allow_infinity=False)
    narrow = st.floats(allow_nan=False, allow_infinity=False, width=32)
    return st.one_of(
        cells(wide).map(lambda values: pa.array(values, pa.float64())),
        cells(narrow).map(lambda values: pa.array(values, pa.float32())),
    )


def decimal_columns() -> st.SearchStrategy[pa.Array]:
    """Floats with a few decimal places, as files have them."""
    places = st.integers(0, 6)
    return places.flatmap(
        lambda digits: cells(st.integers(-(10**8), 10**8).map(lambda whole: float(f"{whole}e-{digits}"))).map(
            lambda values: pa.array(values, pa.float64())
        )
    )


def time_columns() -> st.SearchStrategy[pa.Array]:
    """Timestamps of all units, with and without zones, and dates."""
    kinds = [
        pa.timestamp(unit, tz=zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "Europe/Berlin")
    ]
    stamps = st.sampled_from(kinds).flatmap(
        lambda kind: cells(st.integers(-(2**40), 2**40)).map(lambda values: pa.array(values, kind))
    )
    days = cells(st.dates()).map(lambda values: pa.array(values, pa.date32()))
    return st.one_of(stamps, days, days.map(lambda column: column.cast(pa.date64())))


def fixed_columns() -> st.SearchStrategy[pa.Array]:
    """Decimals of 18 digits."""
    amounts = st.decimals(-(10**14), 10**14, places=3, allow_nan=False, allow_infinity=False)
    return cells(amounts).map(lambda values: pa.array(values, pa.decimal128(18, 3)))


def level_columns() -> st.SearchStrategy[pa.Array]:
    """Categories of any text, and booleans."""
    texts = cells(st.text(max_size=5))
    return st.one_of(
        texts.map(lambda values: pa.array(values, pa.string())),
        texts.map(lambda values: pa.array(values, pa.large_string())),
        texts.map(lambda values: pa.array(values, pa.string()).dictionary_encode()),
        cells(st.booleans()).map(lambda values: pa.array(values, pa.bool_())),
    )


NUMERIC = st.one_of(integer_columns(), float_columns(), decimal_columns(), time_columns(), fixed_columns())


def schema_of(column: pa.Array, *, target: bool = False) -> Schema:
    """Return the detected schema of a table of this one column."""
    return detect_schema(pa.table({"x": column}), target="x" if target else None)


def fitted(column: pa.Array) -> Codec:
    """Return a codec that models the column whatever its values look like."""
    schema = schema_of(column)
    kind = schema.columns[0]
    if kind.kind in {"identifier", "text"}:
        modelled = IntegerColumn if pa.types.is_integer(column.type) else CategoryColumn
        plain = {"name": "x", "nullable": True, "storage": kind.storage}
        schema = Schema(columns=(modelled.model_validate(plain),))
    return Codec.fit(pa.table({"x": column}), schema)


def there_and_back(codec: Codec, column: pa.Array) -> tuple[Encoded, pa.Array]:
    """Encode and decode a column, cast to its own type."""
    encoded, unseen = codec.encode(pa.table({"x": column}))
    assert unseen == ()
    batch = codec.decode(encoded)
    assert batch.schema == codec.wire_schema
    result = pa.Table.from_batches([batch]).cast(codec.result_schema)
    result.validate(full=True)
    return encoded, result["x"].combine_chunks()


def ordinals(column: pa.Array) -> list[Any]:
    """Return cells as values that Python compares exactly."""
    if pa.types.is_temporal(column.type):
        width = pa.int32() if pa.types.is_date32(column.type) else pa.int64()
        column = column.cast(width)
    return list(column.to_pylist())
