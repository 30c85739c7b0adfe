"""Recorded tensors come back to the bit; anything that is no such file is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from augment.bundle import GoldenCase
from augment.bundle.golden import golden_from_bytes, golden_to_bytes

_TENSORS = hnp.arrays(
    st.sampled_from([np.float32, np.int32]), hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5)
)
_NAMED = st.dictionaries(st.text(min_size=1, max_size=8), _TENSORS, min_size=1, max_size=3)
ROW = {
    "case": 0,
    "graph": "decode",
    "direction": "input",
    "name": "latent",
    "dtype": "float32",
    "shape": [1, 2],
    "data": b"\0" * 8,
}


@given(st.lists(st.builds(GoldenCase, st.text(min_size=1, max_size=8), _NAMED, _NAMED), max_size=3))
def test_cases_round_trip(cases: list[GoldenCase]) -> None:
    """Values (NaN payloads too), types, shapes, names and order are kept."""
    found = golden_from_bytes(golden_to_bytes(cases))
    assert [case.graph for case in found] == [case.graph for case in cases]
    for one, other in zip(found, cases, strict=True):
        for mine, theirs in ((one.inputs, other.inputs), (one.outputs, other.outputs)):
            assert list(mine) == list(theirs)
            for name in theirs:
                assert mine[name].dtype == theirs[name].dtype
                assert mine[name].shape == theirs[name].shape
                assert mine[name].tobytes() == theirs[name].tobytes()


def test_other_dtypes_are_refused() -> None:
    """Graphs speak float32 and int32 alone."""
    with pytest.raises(ValueError, match="decode: input latent must be float32 or int32, got float64"):
        golden_to_bytes([GoldenCase("decode", {"latent": np.zeros(2)}, {})])


@pytest.mark.parametrize("data", [b"", b"ARROW1", b"\0" * 100, b"ARROW1\0\0" + b"\xff" * 64 + b"ARROW1"])
def test_other_bytes_are_refused(data: bytes) -> None:
    """Bytes that are no Arrow file are a ValueError, not a crash."""
    with pytest.raises(ValueError, match="it is no Arrow file"):
        golden_from_bytes(data)


def test_other_columns_are_refused() -> None:
    """An Arrow file of something else is refused before its rows are read."""
    with pytest.raises(ValueError, match="its columns must be"):
        golden_from_bytes(_file(pa.table({"x": [1]})))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": "float64"}, "latent: dtype must be one of"),
        ({"shape": [1, 3]}, "cannot reshape"),
        ({"shape": [-1, 2]}, "cannot reshape"),
        ({"shape": [2**40, 2**40]}, "latent: cannot reshape"),
        ({"data": b"\0" * 7}, "latent: buffer size must be a multiple"),
        ({"direction": "sideways"}, "does not fit the rows before it"),
    ],
)
def test_broken_rows_are_refused(change: dict[str, Any], message: str) -> None:
    """A row whose parts do not fit each other is refused."""
    with pytest.raises(ValueError, match=message):
        golden_from_bytes(_file(_table([ROW | change])))


@pytest.mark.parametrize("change", [{}, {"graph": "encode", "name": "other"}])
def test_contradicting_rows_are_refused(change: dict[str, Any]) -> None:
    """A case is of one graph and has each tensor once."""
    with pytest.raises(ValueError, match="does not fit the rows before it"):
        golden_from_bytes(_file(_table([ROW, ROW | change])))


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.ipc.open_file(golden_to_bytes([])).schema
    return pa.Table.from_pylist(rows, schema=schema)


def _file(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
