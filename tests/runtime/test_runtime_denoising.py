"""Denoising changes what it says it changes, and nothing else by a single bit."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from augment.errors import RecordsError, RequestError

if TYPE_CHECKING:
    from augment.runtime import Model

THRESHOLDS = [0.0, 0.3, 0.5, 1.0]


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_unchanged_cells_keep_their_bits(model: Model, table: pa.Table, threshold: float) -> None:
    """Where `changed` is false the cell is the input's; where it is true it is another."""
    result = model.denoise(table, threshold=threshold)
    given = table.select(result.records.column_names).cast(model.result_schema)
    assert result.changed.column_names == result.confidence.column_names == result.records.column_names
    for name in result.records.column_names:
        changed = result.changed.column(name).to_numpy()
        for row, (before, after) in enumerate(
            zip(_cells(given, name), _cells(result.records, name), strict=True)
        ):
            assert (before != after) == changed[row], (name, row)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_nothing_stays_missing(model: Model, table: pa.Table, threshold: float) -> None:
    """Every missing cell is imputed, and told."""
    result = model.denoise(table, threshold=threshold)
    for name in ("income", "city"):
        assert result.records.column(name).null_count == 0
        missing = table.column(name).is_null().to_numpy()
        assert missing.any()
        assert result.changed.column(name).to_numpy()[missing].all()


def test_at_zero_only_missing_cells_change(model: Model, table: pa.Table) -> None:
    """Threshold 0 imputes and repairs nothing, arrays neither."""
    result = model.denoise(table, threshold=0)
    for name in result.records.column_names:
        assert result.changed.column(name).to_pylist() == table.column(name).is_null().to_pylist()


def test_higher_thresholds_change_more(model: Model, table: pa.Table) -> None:
    """A cell that is repaired at one threshold is repaired at each higher one."""
    results = [model.denoise(table, threshold=threshold).changed for threshold in THRESHOLDS]
    for fewer, more in pairwise(results):
        for name in fewer.column_names:
            assert not (fewer.column(name).to_numpy() & ~more.column(name).to_numpy()).any()


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_confidence_is_a_share(model: Model, table: pa.Table, threshold: float) -> None:
    """float32 in [0, 1] for every cell."""
    confidence = model.denoise(table, threshold=threshold).confidence
    for column in confidence.columns:
        assert column.type == pa.float32()
        assert column.null_count == 0
        assert ((column.to_numpy() >= 0) & (column.to_numpy() <= 1)).all()


def test_confidence_is_that_of_the_cell_kept_or_put(small: Model, table: pa.Table) -> None:
    """The small graph is sure by 0.75 of what it puts, and by the residual of what is kept.

    At threshold 0 given cells count as right.
    """
    filled = small.denoise(table, threshold=0)
    given = table["income"].is_valid().to_numpy()
    np.testing.assert_array_equal(filled.confidence["income"].to_numpy(), np.where(given, 1.0, 0.75))
    result = small.denoise(table, threshold=0.5)
    encoded, _ = small.codec.encode(table)
    index = small.codec.layout.names.index("income")
    changed = result.changed.column("income").to_numpy()
    confidence = result.confidence.column("income").to_numpy()
    assert changed.any()
    assert not changed.all()
    assert set(confidence[changed]) == {0.75}
    np.testing.assert_array_equal(confidence[~changed], encoded.residuals[~changed, index])


def test_doubtful_cells_are_repaired(small: Model, table: pa.Table) -> None:
    """Repaired is what is less probable than the threshold and not the best guess already."""
    result = small.denoise(table, threshold=0.4)
    encoded, _ = small.codec.encode(table)
    for name in ("age", "income", "since", "day"):
        index = small.codec.layout.names.index(name)
        doubted = (encoded.residuals[:, index] < 0.4) & (encoded.tokens[:, index] != 1)
        wanted = doubted | (encoded.tokens[:, index] == 0)
        np.testing.assert_array_equal(result.changed.column(name).to_numpy(), wanted)


def test_numbers_are_means_or_medians(small: Model, table: pa.Table) -> None:
    """The small graph has its medians in the middle of the first bin, and its means below all values.

    A mean is the nearest value that the column can hold: here the least.
    """
    gone = table.drop_columns(["income"])
    means, medians = (small.denoise(gone, numbers=way).records for way in ("mean", "median"))
    least = min(value for value in table["income"].to_pylist() if value is not None)
    assert set(means["income"].to_pylist()) == {least}
    assert len(set(medians["income"].to_pylist())) == 1
    assert medians["income"].to_pylist()[0] > least
    assert small.denoise(gone).records.equals(means)


def test_absent_columns_are_imputed(model: Model, table: pa.Table) -> None:
    """Any part of the columns is enough; the others are made up, identifiers too."""
    result = model.denoise(table.select(["age", "city"]))
    assert result.records.schema == model.result_schema
    assert all(column.null_count == 0 for column in result.records.columns)
    assert result.records.column("age").num_chunks >= 1
    for name in set(result.records.column_names) - {"age", "city"}:
        assert all(result.changed.column(name).to_pylist())
    assert set(result.confidence.column("key").to_pylist()) == {0.0}
    assert set(result.confidence.column("image").to_pylist()) == {0.0}
    assert len(set(result.records.column("key").to_pylist())) == table.num_rows


def test_identifiers_stay_and_text_is_left_out(model: Model, table: pa.Table) -> None:
    """What was never learnt is never judged."""
    result = model.denoise(table, threshold=1)
    assert result.records.column("key").equals(table.column("key"))
    assert not any(result.changed.column("key").to_pylist())
    assert set(result.confidence.column("key").to_pylist()) == {1.0}
    assert "note" not in result.records.column_names


def test_missing_identifiers_stay_missing(small: Model, table: pa.Table) -> None:
    """A given identifier column is kept as it is, with its gaps."""
    keys = pa.array([None, *table.column("key").to_pylist()[1:]])
    result = small.denoise(table.set_column(0, "key", keys))
    assert result.records.column("key").to_pylist()[0] is None
    assert result.changed.column("key").to_pylist()[0] is False


def test_arrays_are_always_denoised(small: Model, table: pa.Table) -> None:
    """The small graph halves them; the confidence is one minus the mean square of the change."""
    result = small.denoise(table)
    encoded, _ = small.codec.encode(table)
    expected = np.clip(1 - np.square(encoded.arrays / 2).mean(axis=1), 0, 1)
    np.testing.assert_allclose(result.confidence.column("image").to_numpy(), expected, atol=1e-6)
    assert all(result.changed.column("image").to_pylist())


def test_missing_arrays_are_imputed(model: Model, table: pa.Table) -> None:
    """An array cell that is missing is made up; of that no confidence is claimed."""
    images = table.column("image").combine_chunks()
    gaps = pa.ExtensionArray.from_storage(
        images.type, pa.array([None, *images.storage.to_pylist()[1:]], images.type.storage_type)
    )
    for threshold in (0.0, 0.5):
        result = model.denoise(
            table.set_column(table.column_names.index("image"), "image", gaps), threshold=threshold
        )
        assert result.records.column("image").null_count == 0
        assert result.changed.column("image").to_pylist()[0] is True
        assert result.confidence.column("image").to_pylist()[0] == 0.0


def test_unseen_categories_are_imputed_and_reported(model: Model, table: pa.Table) -> None:
    """A value that training never saw counts as missing."""
    cities = ["Atlantis", *table.column("city").to_pylist()[1:]]
    result = model.denoise(table.set_column(3, "city", pa.array(cities)), threshold=0)
    assert [(each.column, each.value, each.cells) for each in result.unseen] == [("city", "Atlantis", 1)]
    assert result.records.column("city").to_pylist()[0] in {"Bern", "Genève", "Zürich"}
    assert result.changed.column("city").to_pylist()[0] is True


def test_chunks_do_not_matter(model: Model, table: pa.Table) -> None:
    """A table in pieces is the same table."""
    pieces = pa.concat_tables([table.slice(start, 50) for start in range(0, 240, 50)])
    assert model.denoise(pieces).records.equals(model.denoise(table).records)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), float("inf"), True, "0.5"])
def test_a_threshold_is_a_share(small: Model, table: pa.Table, threshold: Any) -> None:
    """The error has the field, the rule and the value."""
    with pytest.raises(RequestError, match=r"threshold must be a number in \[0, 1\], got"):
        small.denoise(table, threshold=threshold)


def test_records_must_fit_the_model(small: Model, table: pa.Table) -> None:
    """Unknown columns, wrong types and empty tables are refused."""
    for records, field in (
        (table.append_column("extra", pa.nulls(240)), "columns.extra"),
        (table.set_column(1, "age", pa.array(["x"] * 240)), "columns.age"),
        (table.slice(0, 0), "records"),
    ):
        with pytest.raises(RecordsError) as caught:
            small.denoise(records)
        assert caught.value.violations[0].field == field


def _cells(table: pa.Table, name: str) -> list[Any]:
    """Return the cells of a column with their very bits; floats as bytes."""
    column = table.column(name)
    if pa.types.is_floating(column.type):
        return [None if cell is None else np.float64(cell).tobytes() for cell in column.to_pylist()]
    return list(column.to_pylist())
