"""Reading arrays: NPZ, idx and folders of images, and what is said where they are wrong."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augment.data import ArrayColumn, Codec, conform, detect_schema, read_table
from augment.errors import DataFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 9, 8), dtype=np.uint8)
LABELS = (np.arange(30) % 3).astype(np.uint8)


def idx(array: np.ndarray, kind: int) -> bytes:
    """The bytes of an idx file, written from the format's own description."""
    head = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def arrays_of(table: pa.Table, name: str) -> np.ndarray:
    column = table.column(name).combine_chunks()
    found: np.ndarray = column.to_numpy_ndarray()
    return found


def _npz(path: Path) -> Path:
    np.savez(path / "data.npz", image=IMAGES, label=LABELS)
    return path / "data.npz"


def _idx(path: Path) -> Path:
    (path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES, 8))
    (path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS, 8))
    return path / "train-images-idx3-ubyte"


def _idx_gz(path: Path) -> Path:
    (path / "t-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES, 8)))
    (path / "t-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS, 8)))
    return path / "t-images-idx3-ubyte.gz"


def _parquet(path: Path) -> Path:
    table = pa.table({"image": pa.FixedShapeTensorArray.from_numpy_ndarray(IMAGES), "label": LABELS})
    pq.write_table(table, path / "data.parquet")
    return path / "data.parquet"


@pytest.mark.parametrize("write", [_npz, _idx, _idx_gz, _parquet])
def test_images_and_labels_are_read_as_they_were_written(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    """Whatever the format, each record has its image, bit by bit, and its label; and it can be learnt."""
    table = read_table(write(tmp_path))
    assert np.array_equal(arrays_of(table, "image"), IMAGES)
    assert table.column("label").to_pylist() == LABELS.tolist()
    schema = detect_schema(table, target="label")
    column = schema.column("image")
    assert isinstance(column, ArrayColumn)
    assert column.shape == (9, 8)
    codec = Codec.fit(conform(table, schema), schema)
    back = codec.decode(codec.encode(conform(table, schema))[0])
    assert np.array_equal(np.asarray(back.column("image").flatten()).reshape(IMAGES.shape), IMAGES)


def test_big_endian_floats_are_read(tmp_path: Path) -> None:
    """An idx file of series of float32, and no labels."""
    series = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
    (tmp_path / "series.idx").write_bytes(idx(series, 0x0D))
    table = read_table(tmp_path / "series.idx")
    assert table.column_names == ["image"]
    assert np.array_equal(arrays_of(table, "image"), series)


def save_images(folder: Path, *, size: tuple[int, int] = (8, 9), mode: str = "L", count: int = 3) -> None:
    image = pytest.importorskip("PIL.Image")
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            made = image.new(mode, size, 40 * number if mode == "L" else (40 * number, 0, 255))
            made.save(folder / label / f"{number}.png")


def test_a_folder_gives_an_image_and_its_class(tmp_path: Path) -> None:
    """Subfolders are classes; grey images have no channels."""
    save_images(tmp_path)
    table = read_table(tmp_path)
    assert table.column("label").to_pylist() == ["cat"] * 3 + ["dog"] * 3
    images = arrays_of(table, "image")
    assert images.shape == (6, 9, 8)
    assert images[:, 0, 0].tolist() == [0, 40, 80] * 2


def test_one_colour_image_makes_all_of_them_colour(tmp_path: Path) -> None:
    """Grey ones beside it get three equal channels."""
    image = pytest.importorskip("PIL.Image")
    save_images(tmp_path)
    image.new("RGB", (8, 9), (1, 2, 3)).save(tmp_path / "cat" / "0.png")
    images = arrays_of(read_table(tmp_path), "image")
    assert images.shape == (6, 9, 8, 3)
    assert images[0, 0, 0].tolist() == [1, 2, 3]
    assert images[1, 0, 0].tolist() == [40, 40, 40]


def _empty(path: Path) -> Path:
    return path


def _mixed_sizes(path: Path) -> Path:
    save_images(path)
    pytest.importorskip("PIL.Image").new("L", (5, 9)).save(path / "dog" / "2.png")
    return path


def _deep(path: Path) -> Path:
    pixels = np.full((8, 9), 40_000, np.uint16)
    pytest.importorskip("PIL.Image").fromarray(pixels).save(path / "deep.png")
    return path


def _unreadable(path: Path) -> Path:
    save_images(path)
    (path / "dog" / "1.png").write_bytes(b"no image")
    return path


def _objects(path: Path) -> Path:
    np.savez(path / "data.npz", image=np.array([{}, {}], dtype=object), allow_pickle=True)
    return path / "data.npz"


def _other_rows(path: Path) -> Path:
    np.savez(path / "data.npz", image=IMAGES, label=LABELS[:-1])
    return path / "data.npz"


def _complex(path: Path) -> Path:
    np.savez(path / "data.npz", wave=np.zeros((4, 3), np.complex64))
    return path / "data.npz"


def _texts_in_arrays(path: Path) -> Path:
    np.savez(path / "data.npz", words=np.full((4, 3), "a"))
    return path / "data.npz"


def _cut_short(path: Path) -> Path:
    (path / "images-idx3-ubyte").write_bytes(idx(IMAGES, 8)[:-1])
    return path / "images-idx3-ubyte"


def _broken_gzip(path: Path) -> Path:
    (path / "images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES, 8))[:-20])
    return path / "images-idx3-ubyte.gz"


def _fewer_labels(path: Path) -> Path:
    found = _idx(path)
    (path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:-1], 8))
    return found


def _not_an_npz(path: Path) -> Path:
    (path / "data.npz").write_bytes(b"PK\x03\x04 and nothing more")
    return path / "data.npz"


def _object_npy(path: Path) -> Path:
    np.save(path / "data.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    return path / "data.npy"


def _short_npy(path: Path) -> Path:
    np.save(path / "data.npy", IMAGES)
    whole = (path / "data.npy").read_bytes()
    (path / "data.npy").write_bytes(whole[:-5])
    return path / "data.npy"


def _lone_npy(path: Path) -> Path:
    np.save(path / "data.npy", np.float64(3))
    return path / "data.npy"


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_plain_array_is_a_column(tmp_path: Path, order: Literal["C", "F"]) -> None:
    """Its rows go along the first axis, whatever the order in memory; numbers alone are plain cells."""
    np.save(tmp_path / "data.npy", np.array(IMAGES, order=order))
    column = read_table(tmp_path / "data.npy").column("array").combine_chunks()
    np.testing.assert_array_equal(column.to_numpy_ndarray(), IMAGES)
    np.save(tmp_path / "flat.npy", LABELS)
    assert read_table(tmp_path / "flat.npy").column("array").to_pylist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (_object_npy, "must be a readable NPY.*not of dtype object"),
        (_short_npy, "must be a readable NPY"),
        (_lone_npy, "one row a record"),
        (_empty, "file must be a file, or a folder of images with one subfolder a class, got .a directory"),
        (_deep, "must have at most 8 bits a channel, got .mode I;16"),
        (_mixed_sizes, "images must have one size, got .5 x 9 beside 8 x 9"),
        (_unreadable, "image must be readable"),
        (_objects, "none of dtype object"),
        (_other_rows, "must be arrays with as many rows each"),
        (_complex, "must hold numbers, truth values, text or dates"),
        (_texts_in_arrays, "must hold numbers where cells are arrays"),
        (_cut_short, "cut short or damaged"),
        (_broken_gzip, "must be readable as idx"),
        (_fewer_labels, "labels must be one for each array"),
        (_not_an_npz, "must be a readable NPZ"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, write: Callable[[Path], Path], told: str) -> None:
    """The error names the file or folder, the rule that is broken and what was found."""
    path = write(tmp_path)
    with pytest.raises(DataFileError, match=told) as caught:
        read_table(path)
    assert str(tmp_path) in str(caught.value)
