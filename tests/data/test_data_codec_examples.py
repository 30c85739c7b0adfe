"""Columns that a codec might get wrong, one by one: ends, days, rare levels, constants, arrays, chunks."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from augment.data import Codec, Encoded, EncodingTables, Schema, conform, detect_schema
from augment.data.category import fit_category
from augment.data.schema import CategoryColumn, DatetimeColumn, NumberColumn
from augment.data.tables import RealTable, WholeTable
from augment.errors import SchemaError
from tests.data.columns import INTEGERS, fitted, schema_of, there_and_back


def test_calendar_days_stay_days() -> None:
    """Timestamps at midnight decode to midnights."""
    rng = np.random.default_rng(0)
    stamps = pa.array(rng.integers(0, 20_000, 5000) * 86_400_000_000, pa.timestamp("us"))
    codec = fitted(stamps)
    table = codec.tables.columns[0]
    assert isinstance(table, WholeTable)
    assert table.step == 86_400_000_000
    encoded, result = there_and_back(codec, stamps)
    assert (np.asarray(result.cast(pa.int64())) % 86_400_000_000 == 0).all()
    assert (encoded.residuals != 0.5).any()


def test_whole_range_of_64_bits_is_exact() -> None:
    """Smallest and largest int64 and uint64 come back, from single values and from wide bins."""
    for kind, (low, high) in INTEGERS.items():
        inside = [low + (high - low) * part // 40 for part in range(41)]
        few = pa.array([low, high, high - 1, None], kind)
        assert there_and_back(fitted(few), few)[1].to_pylist()[:2] == [low, high]
        many = pa.array(inside * 10 + [None], kind)
        assert there_and_back(fitted(many), many)[1].to_pylist() == many.to_pylist()


def test_numbers_beyond_the_training_range_go_to_the_ends() -> None:
    """Below, above and between bins: the nearest end, never an error."""
    column = pa.array(sorted({*range(0, 1000, 3), 5000}))
    codec = fitted(column)
    _, result = there_and_back_of(codec, pa.array([-(2**63), 2**63 - 1, 1300, 4000]))
    assert result.to_pylist()[:2] == [0, 5000]
    encoded, _ = codec.encode(pa.table({"x": pa.array([-7, 9999], pa.int64())}))
    assert encoded.tokens[:, 0].tolist() == [1, codec.layout.vocab_sizes[0] - 1]
    assert set(encoded.residuals[:, 0].tolist()) <= {0.0, 0.5, 1.0}


def there_and_back_of(codec: Codec, column: pa.Array) -> tuple[Encoded, pa.Array]:
    """Encode and decode another column than the one fitted."""
    encoded, _ = codec.encode(pa.table({"x": column}))
    return encoded, codec.decode(encoded)["x"]


def test_residuals_are_ranks() -> None:
    """Within bins, residuals of the training data are spread evenly over [0, 1]."""
    column = pa.array(np.random.default_rng(0).lognormal(0, 2, 20_000))
    codec = fitted(column)
    encoded, _ = codec.encode(pa.table({"x": column}))
    inside = encoded.residuals[:, 0]
    assert np.histogram(inside, 10, (0, 1))[0].min() > 1700
    table = codec.tables.columns[0]
    assert isinstance(table, RealTable)
    assert 40 <= len(table.widths) <= 64
    assert set(table.widths) == {16}


def test_unseen_categories_are_missing_and_reported() -> None:
    """Unseen levels become token 0; the report counts them, most frequent first."""
    codec = fitted(pa.array(["a", "b", "a"] * 20))
    encoded, unseen = codec.encode(pa.table({"x": ["a", "zebra", None, "b", "zebra", "yak"]}))
    assert encoded.tokens[:, 0].tolist() == [1, 0, 0, 2, 0, 0]
    assert [(item.column, item.value, item.cells, item.first_row) for item in unseen] == [
        ("x", "zebra", 2, 1),
        ("x", "yak", 1, 5),
    ]


def test_integer_categories_keep_their_type() -> None:
    """A whole-number target is a category of int64 levels; an unseen number is reported as text."""
    column = pa.array([3, 5, 3, None])
    schema = schema_of(column, target=True)
    assert schema.columns[0].kind == "category"
    codec = Codec.fit(pa.table({"x": column}), schema)
    _, result = there_and_back(codec, column)
    assert result.equals(column)
    _, unseen = codec.encode(pa.table({"x": pa.array([4], pa.int64())}))
    assert unseen[0].value == "4"


def test_rare_levels_share_a_token_and_come_back_by_their_shares() -> None:
    """Past `max_levels` one token stands for all; its residual tells the level, exactly."""
    column = pa.array(["top"] * 50 + ["next"] * 30 + ["r1"] * 6 + ["r2"] * 3 + ["r3"])
    schema = Schema(columns=(CategoryColumn(name="x", storage="string"),))
    table = fit_category("x", column, max_levels=2)
    codec = Codec(schema, EncodingTables(columns=(table,)))
    assert codec.layout.vocab_sizes == (4,)
    _, result = there_and_back(codec, column)
    assert result.equals(column)
    residuals = np.linspace(0, 1, 1001, dtype=np.float32)[:, None]
    drawn = codec.decode(Encoded(np.full((1001, 1), 3, np.int32), residuals, np.zeros((1001, 0), np.float32)))
    shares = pc.value_counts(drawn["x"].cast(pa.string())).to_pylist()
    assert {item["values"]: round(item["counts"] / 100) for item in shares} == {"r1": 6, "r2": 3, "r3": 1}


def test_wire_shares_the_levels() -> None:
    """Decoded categories point at one and the same dictionary: levels are not copied."""
    codec = fitted(pa.array(["a", "b", "a"] * 20))
    encoded, _ = codec.encode(pa.table({"x": ["a", "b"]}))
    first, second = (codec.decode(encoded)["x"].dictionary for _ in range(2))
    assert first.buffers()[2].address == second.buffers()[2].address


def test_ordered_dictionaries_keep_their_order() -> None:
    """An ordered dictionary comes back ordered, its levels in their own order."""
    dictionary = pa.DictionaryArray.from_arrays(
        pa.array([2, 2, 0, 1, 2, 0], pa.int8()), pa.array(["low", "mid", "high"]), ordered=True
    )
    codec = fitted(dictionary)
    _, result = there_and_back(codec, dictionary)
    assert result.type.ordered
    assert result.dictionary.to_pylist() == ["low", "mid", "high"]
    assert result.to_pylist() == dictionary.to_pylist()


def test_constant_and_empty_columns() -> None:
    """A constant comes back constant, a column without cells missing throughout, of its own type."""
    for values, kind in [([7] * 5, pa.int32()), ([0.1] * 5, pa.float32()), (["a"] * 5, pa.string())]:
        column = pa.array(values, kind)
        assert there_and_back(fitted(column), column)[1].equals(column)
    for kind in (pa.null(), pa.int16(), pa.float16(), pa.large_string(), pa.timestamp("us"), pa.bool_()):
        column = pa.nulls(5, kind)
        codec = fitted(column)
        encoded, result = there_and_back(codec, column)
        assert (encoded.tokens == 0).all()
        assert result.equals(column)


def test_half_precision_comes_back() -> None:
    """float16 cells are exact where they are tokens."""
    column = pa.array(np.arange(30, dtype=np.float16).repeat(20) / np.float16(4))
    assert there_and_back(fitted(column), column)[1].equals(column)


def test_arrays_are_standardised_and_come_back() -> None:
    """Arrays have zero mean and unit variance, zeros where missing, and come back to float precision."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 6)).astype(np.uint8)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(images.reshape(-1)), 6)
    tensors = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.uint8(), (2, 3)), flat)
    windows = pa.array([None, *rng.normal(5, 3, (39, 4)).tolist()], pa.list_(pa.float32(), 4))
    table = pa.table({"image": tensors, "window": windows, "label": [0, 1] * 20})
    schema = detect_schema(table, target="label")
    table = conform(table, schema)
    codec = Codec.fit(table, schema)
    assert codec.layout.names == ("label", "image", "window")
    assert codec.layout.array_names == ("image", "window")
    assert codec.layout.array_shapes == ((2, 3), (4,))
    assert codec.layout.array_width == 10
    encoded, _ = codec.encode(table)
    assert encoded.arrays[:, :6].mean() == pytest.approx(0, abs=1e-5)
    assert encoded.arrays[:, :6].std() == pytest.approx(1, abs=1e-5)
    assert (encoded.arrays[0, 6:] == 0).all()
    assert encoded.tokens[:2, 2].tolist() == [0, 1]
    result = pa.Table.from_batches([codec.decode(encoded)]).cast(codec.result_schema)
    assert result["image"].combine_chunks().equals(table["image"].combine_chunks())
    assert result["window"].null_count == 1
    got, want = (np.asarray(t["window"].combine_chunks().flatten()) for t in (result, table))
    assert got == pytest.approx(want, abs=1e-4)
    wild = Encoded(encoded.tokens, encoded.residuals, encoded.arrays * 1e6)
    clipped = codec.decode(wild)["image"].flatten()
    assert set(clipped.to_pylist()) == {int(images.min()), int(images.max())}


def test_columns_keep_file_order_without_text() -> None:
    """The wire and the result have the file's order; text is left out, identifiers are made."""
    table = pa.table(
        {
            "id": pa.array(range(1, 101)),
            "note": [f"{'word ' * (i % 9 + 1)}{i}" for i in range(100)],
            "x": [i % 7 * 0.5 for i in range(100)],
            "when": pa.array([dt.date(2020, 1, 1 + i % 5) for i in range(100)]),
            "price": pa.array([Decimal(f"{i % 4}.25") for i in range(100)], pa.decimal128(7, 2)),
        }
    )
    schema = detect_schema(table)
    assert [column.kind for column in schema.columns] == [
        "identifier",
        "text",
        "number",
        "datetime",
        "number",
    ]
    codec = Codec.fit(conform(table, schema), schema)
    assert codec.wire_schema.names == codec.result_schema.names == ["id", "x", "when", "price"]
    encoded, _ = codec.encode(conform(table, schema))
    result = pa.Table.from_batches([codec.decode(encoded, first_row=5)]).cast(codec.result_schema)
    assert result.drop_columns(["id"]).equals(table.drop_columns(["id", "note"]))
    assert result["id"].to_pylist() == list(range(106, 206))


def test_declared_decimals_round_the_data() -> None:
    """A schema with fewer decimals than the data rounds what it learns and gives."""
    column = pa.array([0.123, 1.456, 2.789] * 20)
    schema = Schema(columns=(NumberColumn(name="x", storage="float64", decimals=1),))
    _, result = there_and_back(Codec.fit(pa.table({"x": column}), schema), column)
    assert result.to_pylist()[:3] == [0.1, 1.5, 2.8]


def test_integer_storage_may_be_declared_a_number() -> None:
    """`kind: number` over whole storage is learnt exactly."""
    column = pa.array([2**60 + 1, 2**60 + 3] * 20)
    schema = Schema(columns=(NumberColumn(name="x", storage="int64"),))
    assert there_and_back(Codec.fit(pa.table({"x": column}), schema), column)[1].equals(column)


def test_tables_must_cover_the_schema() -> None:
    """A codec without a column's table is refused, by the column's name."""
    schema = Schema(columns=(DatetimeColumn(name="when", storage="date32"),))
    with pytest.raises(SchemaError, match=r"columns\.when"):
        Codec(schema, EncodingTables(columns=()))


def test_chunks_make_no_difference() -> None:
    """A column in many chunks, each with a dictionary of its own, encodes as one array does."""
    whole = pa.array(["a", "b", "c", "b"] * 5)
    parts = pa.chunked_array([whole[start : start + 3].dictionary_encode() for start in range(0, 20, 3)])
    schema = Schema(columns=(CategoryColumn(name="x", storage="dictionary<string>"),))
    codec = Codec.fit(pa.table({"x": parts}), schema)
    one, _ = codec.encode(pa.table({"x": whole.dictionary_encode()}))
    many, _ = codec.encode(pa.table({"x": parts}))
    assert (one.tokens == many.tokens).all()
    assert math.prod(codec.layout.vocab_sizes) == 4


def test_repeated_values_encode_as_single_ones_do() -> None:
    """Long columns of few values are encoded once a value: with the same result as row by row."""
    rng = np.random.default_rng(0)
    for kind in (pa.int64(), pa.float64(), pa.timestamp("s"), pa.date32(), pa.decimal128(19, 0)):
        width = pa.int32() if pa.types.is_date32(kind) else pa.int64()
        column = pa.array(rng.integers(0, 700, 5000), width, mask=rng.random(5000) < 0.1).cast(
            kind, safe=False
        )
        codec = fitted(column)
        whole, _ = codec.encode(pa.table({"x": column}))
        parts = [
            codec.encode(pa.table({"x": column[start : start + 100]}))[0] for start in range(0, 5000, 100)
        ]
        assert (whole.tokens == np.concatenate([part.tokens for part in parts])).all()
        assert (whole.residuals == np.concatenate([part.residuals for part in parts])).all()
        assert ((whole.tokens[:, 0] == 0) == np.asarray(column.is_null())).all()
