"""Laws of the codec: what is encoded comes back, exactly or inside its bin, with its type."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data import Codec, Encoded, EncodingTables, detect_schema
from augment.data.tables import NumericTable, RealTable
from tests.data.columns import (
    NUMERIC,
    decimal_columns,
    fitted,
    float_columns,
    integer_columns,
    level_columns,
    ordinals,
    there_and_back,
)

SETTINGS = settings(max_examples=40, deadline=None)


@SETTINGS
@given(NUMERIC)
def test_numbers_come_back_exactly_or_inside_their_bin(column: pa.Array) -> None:
    """A value that is a token comes back as itself; any other stays between its bin's ends."""
    codec = fitted(column)
    table = codec.tables.columns[0]
    assert isinstance(table, NumericTable)
    encoded, result = there_and_back(codec, column)
    assert result.type == column.type
    sorted_cells = sorted(value for value in ordinals(column) if value is not None)
    for before, after, token in zip(ordinals(column), ordinals(result), encoded.tokens[:, 0], strict=True):
        if before is None:
            assert token == 0
            assert after is None
            continue
        assert token > 0
        if table.widths[token - 1] == 0:
            assert after == before
        first = sum(table.counts[1:token])
        last = first + table.counts[token] - 1
        assert sorted_cells[first] <= after <= sorted_cells[last]
    assert pc.min_max(result) == pc.min_max(column)


@SETTINGS
@given(level_columns())
def test_categories_and_booleans_come_back(column: pa.Array) -> None:
    """Every level is a token, so every cell comes back as it was, in its type."""
    codec = fitted(column)
    encoded, result = there_and_back(codec, column)
    assert result.to_pylist() == column.to_pylist()
    assert storage(result.type) == storage(column.type)
    assert (encoded.residuals == 0.5).all()


def storage(kind: pa.DataType) -> str:
    """Return a type's text, index types of dictionaries aside."""
    return str(kind.value_type) if pa.types.is_dictionary(kind) else str(kind)


@SETTINGS
@given(st.one_of(NUMERIC, level_columns()), st.integers(0, 2**32 - 1))
def test_whatever_is_decoded_has_the_token_it_came_from(column: pa.Array, seed: int) -> None:
    """Any token with any residual decodes to a value that encodes to that token."""
    codec = fitted(column)
    vocab = codec.layout.vocab_sizes[0]
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, vocab, (50, 1)).astype(np.int32)
    residuals = rng.choice([0.0, 1.0, 0.5, rng.random()], (50, 1)).astype(np.float32)
    batch = codec.decode(Encoded(tokens, residuals, np.zeros((50, 0), np.float32)))
    result = pa.Table.from_batches([batch]).cast(codec.result_schema)
    again, unseen = codec.encode(result)
    assert unseen == ()
    assert (again.tokens == tokens).all()


@SETTINGS
@given(st.one_of(NUMERIC, level_columns()))
def test_layout_describes_the_encoding(column: pa.Array) -> None:
    """Shares sum to one, ranks are a partition of the unit interval, values increase."""
    codec = fitted(column)
    layout = codec.layout
    vocab = layout.vocab_sizes[0]
    assert layout.names == ("x",)
    assert layout.frequencies[0].shape == layout.values[0].shape == (vocab,)
    assert layout.ranks[0].shape == (vocab, 2)
    assert layout.frequencies[0].sum() == pytest.approx(1, abs=1e-5)
    assert layout.nullable[0] or column.null_count == 0
    assert np.isfinite(layout.values[0]).all()
    assert (layout.ranks[0][0] == 0).all()
    assert layout.values[0][0] == 0
    if layout.ordered[0]:
        assert (np.diff(layout.values[0][1:]) >= 0).all()
        assert layout.ranks[0][1:, 0] == pytest.approx(np.append(0, layout.ranks[0][1:-1, 1]), abs=1e-6)
        assert layout.ranks[0][-1, 1] == pytest.approx(1)


@SETTINGS
@given(st.one_of(NUMERIC, level_columns()))
def test_tables_survive_json(column: pa.Array) -> None:
    """A codec made of its tables' JSON decodes to the same bytes."""
    codec = fitted(column)
    again = EncodingTables.model_validate_json(codec.tables.model_dump_json())
    assert again == codec.tables
    encoded, _ = codec.encode(pa.table({"x": column}))
    assert Codec(codec.schema, again).decode(encoded).equals(codec.decode(encoded))


@SETTINGS
@given(decimal_columns(), st.integers(0, 2**32 - 1))
def test_decimals_are_kept(column: pa.Array, seed: int) -> None:
    """What is decoded has no more decimal places than the data, as the very float its text reads as."""
    codec = fitted(column)
    table = codec.tables.columns[0]
    assert isinstance(table, RealTable)
    if column.null_count == len(column):
        return
    assert table.decimals is not None
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, len(table.counts), (100, 1)).astype(np.int32)
    residuals = rng.random((100, 1)).astype(np.float32)
    batch = codec.decode(Encoded(tokens, residuals, np.zeros((100, 0), np.float32)))
    for value in batch["x"].to_pylist():
        assert value == float(f"{value:.{table.decimals}f}")


def test_step_is_kept() -> None:
    """Numbers in halves give halves; whole numbers in hundreds, offset by one, give just those."""
    rng = np.random.default_rng(0)
    halves = pa.array(np.round(rng.normal(100, 30, 4000) * 2) / 2)
    hundreds = pa.array(np.round(rng.lognormal(5, 2, 4000)).astype(np.int64) * 100 + 1)
    table = pa.table({"halves": halves, "hundreds": hundreds})
    codec = Codec.fit(table, detect_schema(table))
    tokens = np.stack([rng.integers(1, size, 5000) for size in codec.layout.vocab_sizes], 1).astype(np.int32)
    batch = codec.decode(
        Encoded(tokens, rng.random((5000, 2)).astype(np.float32), np.zeros((5000, 0), np.float32))
    )
    assert (np.asarray(batch["halves"]) * 2 % 1 == 0).all()
    assert (np.asarray(batch["hundreds"]) % 100 == 1).all()


@SETTINGS
@given(
    st.one_of(integer_columns(), float_columns(), decimal_columns()),
    st.lists(st.floats(-10, 10, width=32), min_size=1),
)
def test_the_nearest_value_is_one_of_the_column(column: pa.Array, wanted: list[float]) -> None:
    """Means of tokens are finite and increase; what is nearest to a number is a value of the column.

    It is never missing, encodes to the same token again, is in the range of the data, and is larger for a
    larger number.
    """
    codec = Codec.fit(pa.table({"x": column}), detect_schema(pa.table({"x": column})))
    if codec.layout.vocab_sizes[0] == 1 or not codec.layout.ordered[0]:
        return
    values = codec.token_values
    assert np.isfinite(values).all()
    assert (np.diff(values[1:]) >= 0).all()
    tokens, residuals = codec.nearest(0, np.sort(np.array(wanted, np.float32)))
    assert tokens.min() >= 1
    batch = codec.decode(
        Encoded(tokens[:, np.newaxis], residuals[:, np.newaxis], np.zeros((len(tokens), 0), np.float32))
    )
    again = codec.encode(pa.Table.from_batches([batch]).cast(codec.result_schema))[0].tokens[:, 0]
    assert (again == tokens).all()
    made, given_cells = batch["x"].to_pylist(), [cell for cell in column.to_pylist() if cell is not None]
    assert made == sorted(made)
    assert min(given_cells) <= made[0]
    assert made[-1] <= max(given_cells)
