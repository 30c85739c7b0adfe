"""Corruption does what it notes, and repairs are counted fairly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from augment.data import detect_schema
from augment.demo.corruption import BLANKED, INTACT, SWAPPED, corrupt_cells, corrupt_images, images_of
from augment.demo.repairs import judge_repairs
from augment.demo.story import image_error, share, text_of
from augment_client import Denoised
from tests.records import every_kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE = every_kind(300)
SCHEMA = detect_schema(TABLE, target="class")


def test_the_damage_is_what_was_noted() -> None:
    """Blanked cells are missing, swapped ones hold another of their column's values, others are as before."""
    found = corrupt_cells(TABLE, SCHEMA, rate=0.2, seed=3)
    assert found.records.schema.equals(TABLE.schema)
    for index, name in enumerate(found.columns):
        before, after = found.clean[name].to_pylist(), found.records[name].to_pylist()
        for row, kind in enumerate(found.damage[:, index]):
            if kind == BLANKED:
                assert after[row] is None
                assert before[row] is not None
            elif kind == SWAPPED:
                assert after[row] != before[row]
                assert after[row] in before
            else:
                assert after[row] == before[row]
    for kind in (BLANKED, SWAPPED, INTACT):
        assert (found.damage == kind).any()
    for name in set(TABLE.column_names) - set(found.columns):
        assert found.records[name].equals(TABLE[name])


def test_the_same_seed_does_the_same_damage() -> None:
    """And another seed another."""
    first, again, other = (corrupt_cells(TABLE, SCHEMA, rate=0.1, seed=seed) for seed in (1, 1, 2))
    assert first.records.equals(again.records)
    assert not first.records.equals(other.records)


def test_perfect_and_no_repair_are_counted_as_such() -> None:
    """Giving the clean records back is right everywhere; giving back what was sent finds nothing."""
    found = corrupt_cells(TABLE, SCHEMA, rate=0.2, seed=3)
    changed = pa.table({name: found.damage[:, index] != INTACT for index, name in enumerate(found.columns)})
    sure = pa.table({name: 1.0 - (found.damage[:, i] == SWAPPED) for i, name in enumerate(found.columns)})
    best = judge_repairs(found, Denoised(TABLE, changed, sure), sure, SCHEMA, TABLE)
    assert best.blanked_right == best.blanked == (found.damage == BLANKED).sum()
    assert best.swapped_right == best.swapped_found == best.swapped == (found.damage == SWAPPED).sum()
    assert best.intact_changed == 0
    assert best.ranked == 1
    assert 0 < best.blanked_simple < best.blanked
    nothing = pa.table({name: np.zeros(300, np.bool_) for name in found.columns})
    worst = judge_repairs(found, Denoised(found.records, nothing, nothing), nothing, SCHEMA, TABLE)
    assert worst.ranked == 0.5
    assert worst.blanked_right == worst.swapped_found == worst.swapped_right == 0


def test_cells_missing_to_begin_with_are_no_false_alarm() -> None:
    """Filling in a cell that was never there is neither right nor wrong."""
    found = corrupt_cells(TABLE, SCHEMA, rate=0.0, seed=0)
    everything = pa.table({name: np.ones(300, np.bool_) for name in found.columns})
    judged = judge_repairs(found, Denoised(TABLE, everything, everything), everything, SCHEMA, TABLE)
    present = sum(300 - TABLE[name].null_count for name in found.columns)
    assert judged.intact == present - judged.blanked - judged.swapped


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_noise_stays_in_the_images_range_and_type(dtype: type) -> None:
    """Noise moves pixels by about its share of the range, and never beyond the range."""
    images: NDArray[Any] = np.random.default_rng(0).integers(0, 17, (50, 8, 8)).astype(dtype)
    table = pa.table({"image": pa.FixedShapeTensorArray.from_numpy_ndarray(images), "x": range(50)})
    noisy = corrupt_images(table, "image", noise=0.2, seed=1)
    assert noisy.schema.equals(table.schema)
    assert (images_of(noisy, "image").min(), images_of(noisy, "image").max()) == (0, 16)
    assert 0.1 < image_error(table, noisy, "image") < 0.2
    assert image_error(table, table, "image") == 0


def test_cells_read_well() -> None:
    """Numbers short, missing by name, long texts cut; parts of nothing are a dash."""
    shown = [text_of(value) for value in (1234.5678, 0.25, None, 31, True, "x" * 40, 1234567.8)]
    assert shown == ["1234.6", "0.25", "missing", "31", "True", "x" * 27 + "…", "1,234,568"]
    assert (share(1, 4), share(0, 0)) == ("25%", "-")
