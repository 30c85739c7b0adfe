from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from augment_client import InvalidArrowError, InvalidRecordsError
from augment_client.records import latent_table, to_table


def test_dicts_may_lack_keys() -> None:
    """Columns are all keys in order of their first use; what a dict lacks is missing."""
    table = to_table([{"a": 1}, {"b": "x", "a": None}, {"c": Decimal("1.5")}])
    assert table.to_pydict() == {
        "a": [1, None, None],
        "b": [None, "x", None],
        "c": [None, None, Decimal("1.5")],
    }


def test_cells_of_numpy_are_cells() -> None:
    """Scalars and arrays of any rank in dicts become numbers and nested lists; NaN becomes missing."""
    table = to_table({"n": np.int64(3), "x": np.float32("nan"), "image": np.ones((2, 2)), "line": np.ones(2)})
    assert table.to_pylist() == [{"n": 3, "x": None, "image": [[1.0, 1.0]] * 2, "line": [1.0, 1.0]}]


def test_missing_cells_of_pandas_are_missing() -> None:
    """NaN, None and NA of a data frame are nulls, and its metadata stays at home."""
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None], "c": pd.array([1, None], dtype="Int64")})
    table = to_table(frame)
    assert table.to_pylist()[1] == {"a": None, "b": None, "c": None}
    assert table.schema.metadata is None


def test_arrays_of_numpy_in_data_frames_are_lists() -> None:
    """Of any rank, beside missing ones, and whatever the columns and the index are called."""
    frame = pd.DataFrame(
        {"image": [np.ones((2, 3), np.float32), None], "line": [np.arange(2), np.arange(2)]}, [5, 5]
    )
    assert to_table(frame).to_pylist() == [
        {"image": [[1.0] * 3] * 2, "line": [0, 1]},
        {"image": None, "line": [0, 1]},
    ]
    assert frame["image"].iloc[0].shape == (2, 3)


def test_polars_comes_in_plain_types() -> None:
    """String views and categories of polars become types that may travel."""
    frame = pl.DataFrame({"s": ["x", None], "c": pl.Series(["u", "v"], dtype=pl.Categorical)})
    table = to_table(frame)
    assert table.to_pylist() == [{"s": "x", "c": "u"}, {"s": None, "c": "v"}]
    assert table.schema.field("s").type == pa.large_string()


class OneBatch:
    """Something that speaks only the array half of the PyCapsule interface."""

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return pa.record_batch({"a": [1]}).__arrow_c_array__(requested_schema)


class Broken:
    """Something whose stream is none."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return requested_schema


def test_one_batch_is_a_table() -> None:
    """Whoever exports a struct array exports a table."""
    source: Any = OneBatch()
    assert to_table(source).to_pylist() == [{"a": 1}]


@pytest.mark.parametrize(
    ("records", "field"),
    [
        (7, "records"),
        ("text", "records"),
        (b"bytes", "records"),
        (None, "records"),
        ([], "records"),
        ({}, "records"),
        ([{}], "records"),
        ([{"a": 1}, 2], "records[1]"),
        ([{1: 1}], "records[0]"),
        ([{"a": 1}, {"a": "x"}], "columns.a"),
        ({"a": object()}, "columns.a"),
        ({"a": 2**70}, "columns.a"),
        (Broken(), "records"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_table_is_refused(records: Any, field: str) -> None:
    """Each bad form names its place: the records, one of them, or a column."""
    with pytest.raises(InvalidRecordsError) as caught:
        to_table(records)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "records",
    [
        pa.table({"a": [{"b": 1}]}),
        pa.table({"a": [b"x"]}),
        pa.table({}),
        pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"]),
    ],
    ids=["struct", "binary", "no columns", "a name twice"],
)
def test_types_that_cannot_travel_are_refused_here(records: pa.Table) -> None:
    """Nothing is sent that the other side would refuse by its type."""
    with pytest.raises(InvalidArrowError) as caught:
        to_table(records, "start")
    assert caught.value.field == "start"


def test_a_matrix_of_latents_gets_its_names() -> None:
    """Column i of a matrix is `latent_i`; a table stays as it is."""
    table = latent_table(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert table.to_pydict() == {"latent_0": [0.0, 3.0], "latent_1": [1.0, 4.0], "latent_2": [2.0, 5.0]}
    assert latent_table(table).equals(table)


def test_a_frame_with_an_integer_beyond_64_bits_is_refused() -> None:
    """Arrow cannot hold it; the caller gets our error and not Python's."""
    frame = pytest.importorskip("pandas").DataFrame({"age": [1, 2**70]}, dtype=object)
    with pytest.raises(InvalidRecordsError, match="must be a table that Arrow can hold"):
        to_table(frame)
