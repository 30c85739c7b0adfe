"""NPZ files of records: each column an array, of the schema's shape and every value that a file can hold."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from augment.cli.sink import group_rows, write_batches
from augment.data import read_table
from tests.cli.running import augment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = dt.date(2024, 2, 29)
MOMENT = dt.datetime(2024, 2, 29, 12, 30, 1, 5)  # noqa: DTZ001 - a column without a zone


def written(path: Path, column: pa.Array) -> np.ndarray[Any, Any]:
    """Return what a column becomes."""
    write_batches(path / "x.npz", pa.schema({"x": column.type}), [pa.table({"x": column})])
    with np.load(path / "x.npz", allow_pickle=False) as archive:
        assert archive.files == ["x"]
        return np.array(archive["x"])


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (pa.array([1, 2], pa.int8()), np.array([1, 2], np.int8)),
        (pa.array([1, None], pa.int64()), np.array([1, np.nan])),
        (pa.array([1.5, None], pa.float32()), np.array([1.5, np.nan], np.float32)),
        (pa.array([True, False]), np.array([True, False])),
        (pa.array([True, None]), np.array([1, np.nan])),
        (pa.array(["ab", None, "äöü"]), np.array(["ab", "", "äöü"])),
        (pa.array(["b", "a", None]).dictionary_encode(), np.array(["b", "a", ""])),
        (pa.array([7, 8, 7]).dictionary_encode(), np.array([7, 8, 7])),
        (pa.array([DAY, None]), np.array(["2024-02-29", "NaT"], "M8[D]")),
        (pa.array([MOMENT, None], pa.timestamp("us")), np.array([MOMENT, None], "M8[us]")),
        (pa.array([None, None]), np.array([np.nan, np.nan])),
        (pa.array([[1, 2], [3, 4]], pa.list_(pa.int16(), 2)), np.array([[1, 2], [3, 4]], np.int16)),
        (pa.array([[1, 2], None], pa.list_(pa.int16(), 2)), np.array([[1, 2], [np.nan, np.nan]])),
    ],
)
def test_cells_become_arrays(tmp_path: Path, column: pa.Array, wanted: np.ndarray[Any, Any]) -> None:
    """Types stay where nothing is missing; what is missing is NaN, NaT or empty."""
    found = written(tmp_path, column)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_tensors_keep_their_shape_and_come_back(tmp_path: Path) -> None:
    """An image column is written with the sides of the schema, in several groups of rows, and read again."""
    images = np.random.default_rng(0).random((5000, 32, 32), np.float32)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(images)
    table = pa.table({"image": tensors, "name": [f"{row}" for row in range(len(images))]})
    assert table.num_rows > group_rows(table.schema)
    path = tmp_path / "x.npz"
    write_batches(path, table.schema, [table])
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["image"], images)
    back = read_table(path)
    assert back.column("image").type.shape == [32, 32]
    assert back.column("name").to_pylist() == table.column("name").to_pylist()


def test_an_interrupted_file_is_not_there(tmp_path: Path) -> None:
    """Neither half an archive nor the rows that were gathered for it; an earlier one is as it was."""
    (tmp_path / "x.npz").write_bytes(b"before")

    def rows() -> Iterator[pa.Table]:
        yield pa.table({"a": list(range(10))})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_batches(tmp_path / "x.npz", pa.schema({"a": pa.int64()}), rows())
    assert [each.name for each in tmp_path.iterdir()] == ["x.npz"]
    assert (tmp_path / "x.npz").read_bytes() == b"before"


def test_generate_writes_npz(tmp_path: Path, tiny_bundle: Path) -> None:
    """Records with arrays go into an archive from the command line."""
    out = tmp_path / "new.npz"
    ran = augment("generate", str(tiny_bundle), "--rows", 20, "--seed", 1, "--out", out)
    assert ran.code == 0, ran.err
    with np.load(out, allow_pickle=False) as archive:
        assert {len(archive[name]) for name in archive.files} == {20}
        assert archive["image"].ndim > 2
