"""Completed tables: given cells stay, missing ones are drawn, and the seed alone decides how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from augment.data import detect_schema
from augment.errors import RecordsError, RequestError, UnsupportedError
from augment.runtime import Draws, Model

if TYPE_CHECKING:
    from pathlib import Path

SIZES = (1, 7, 31, 32, 33, 100)


@pytest.fixture(scope="module")
def flat(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model of the shared records without their images, with blocks of 32 rows."""
    from augment.training import TrainConfig, build_bundle  # noqa: PLC0415 - torch only where it is needed

    records = table.drop_columns(["image"])
    config = TrainConfig(models=("denoiser",), epochs=4, seed=1, device="cpu", block_rows=32)
    path = build_bundle(
        records, detect_schema(records), config, name="flat", out=tmp_path_factory.mktemp("flat")
    )
    return Model.open(path, threads=2)


@pytest.fixture(scope="module")
def gaps(flat: Model, table: pa.Table) -> pa.Table:
    """The records with a third of the cells of every modelled column missing, row 5 altogether."""
    records = table.select([name for name in table.column_names if name in flat.codec.layout.names])
    generator = np.random.default_rng(3)
    for index, name in enumerate(records.column_names):
        hidden = generator.random(records.num_rows) < 0.33
        hidden[5] = True
        kept = pa.array(np.arange(records.num_rows), mask=hidden)
        records = records.set_column(index, name, records[name].combine_chunks().take(kept))
    return records


def test_given_cells_keep_their_bits_and_nothing_stays_missing(flat: Model, gaps: pa.Table) -> None:
    """Each draw has the given cells as they were, and a value wherever there was none."""
    made = flat.denoise(gaps, draws=3, seed=1)
    assert isinstance(made, Draws)
    assert len(made.tables) == 3
    for drawn in made.tables:
        assert drawn.schema == flat.result_schema
        for name in gaps.column_names:
            missing = gaps[name].is_null().to_numpy()
            assert (made.changed[name].to_numpy() == missing).all()
            kept = pa.array(~missing)
            assert drawn[name].filter(kept).equals(gaps[name].cast(drawn[name].type).filter(kept))
            assert drawn[name].null_count == 0


def test_draws_differ_where_cells_are_missing_and_only_there(flat: Model, gaps: pa.Table) -> None:
    """Two draws have different values in a good part of the missing cells."""
    first, second = flat.denoise(gaps, draws=2, seed=1).tables
    missing = gaps["income"].is_null().to_numpy()
    differs = np.array(first["income"].to_pylist()) != np.array(second["income"].to_pylist())
    assert differs[missing].mean() > 0.3
    assert not differs[~missing].any()


def test_the_same_seed_gives_the_same_bytes(flat: Model, gaps: pa.Table) -> None:
    """Draw k of a seed is the same, however many are drawn; another seed draws others."""
    many, few = (flat.denoise(gaps, draws=draws, seed=9).tables for draws in (3, 2))
    assert all(one.equals(other) for one, other in zip(few, many, strict=False))
    assert not flat.denoise(gaps, draws=1, seed=10).tables[0].equals(many[0])


@pytest.mark.parametrize("size", SIZES)
def test_how_a_table_is_cut_changes_nothing(flat: Model, gaps: pa.Table, size: int) -> None:
    """Pieces that say where they stand give the rows of the whole, whatever is beside them in a block."""
    whole = flat.denoise(gaps, draws=2, seed=4)
    pieces = [
        flat.denoise(gaps.slice(start, size), draws=2, seed=4, first_row=start)
        for start in range(0, gaps.num_rows, size)
    ]
    for draw, wanted in enumerate(whole.tables):
        assert pa.concat_tables([piece.tables[draw] for piece in pieces]).equals(wanted)


def test_threads_change_nothing(flat: Model, gaps: pa.Table) -> None:
    """One thread draws what several do."""
    one = Model.open(flat.path, threads=1).denoise(gaps, draws=2, seed=4)
    assert all(
        a.equals(b) for a, b in zip(one.tables, flat.denoise(gaps, draws=2, seed=4).tables, strict=True)
    )


@pytest.mark.slow
def test_a_row_is_drawn_as_a_whole(tmp_path: Path) -> None:
    """Two columns that are always equal are equal in each draw of both, not only in the mean."""
    from augment.training import TrainConfig, build_bundle  # noqa: PLC0415 - torch only where it is needed

    letters = [("a", "b", "c", "d")[i % 4] for i in range(800)]
    twins = pa.table({"one": letters, "other": letters, "age": list(range(800))})
    config = TrainConfig(models=("denoiser",), max_steps=300, seed=1, device="cpu")
    model = Model.open(
        build_bundle(twins, detect_schema(twins), config, name="twins", out=tmp_path), threads=1
    )
    drawn = model.denoise(pa.table({"age": list(range(400))}), draws=1, seed=2).tables[0]
    counts = np.unique(drawn["one"].to_pylist(), return_counts=True)[1]
    assert len(counts) == 4
    assert counts.min() > 40
    assert np.mean(np.array(drawn["one"].to_pylist()) == np.array(drawn["other"].to_pylist())) > 0.9


def test_absent_columns_and_missing_rows_are_drawn(flat: Model, gaps: pa.Table) -> None:
    """One row, a row without any cell, and a single given column are enough."""
    for given in (gaps.slice(0, 1), gaps.slice(5, 1), gaps.select(["age"])):
        for drawn in flat.denoise(given, draws=2).tables:
            assert drawn.num_rows == given.num_rows
            assert all(column.null_count == 0 for column in drawn.columns)


def test_unseen_categories_are_drawn_and_reported(flat: Model, gaps: pa.Table) -> None:
    """A value that training never saw counts as missing."""
    cities = pa.array(["Atlantis"] * gaps.num_rows)
    made = flat.denoise(gaps.set_column(gaps.schema.get_field_index("city"), "city", cities), draws=1)
    assert [(each.column, each.value, each.cells) for each in made.unseen] == [("city", "Atlantis", 240)]
    assert "Atlantis" not in made.tables[0]["city"].to_pylist()
    assert all(made.changed["city"].to_pylist())


def test_doubtful_cells_are_drawn_anew_above_threshold_0(flat: Model, gaps: pa.Table) -> None:
    """Unless asked, only missing cells are drawn; at threshold 1 what does not fit is as well."""
    plain, doubted = (flat.denoise(gaps, draws=1, threshold=share).changed for share in (None, 1.0))
    for name in gaps.column_names:
        assert not (plain[name].to_numpy() & ~doubted[name].to_numpy()).any()
    assert sum(doubted[name].to_numpy().sum() for name in gaps.column_names) > sum(
        plain[name].to_numpy().sum() for name in gaps.column_names
    )


def test_the_long_table_has_the_draw_and_the_row(flat: Model, gaps: pa.Table) -> None:
    """Draws from 1, rows from 0, then the columns; a column called draw keeps its name."""
    made = flat.denoise(gaps, draws=2, seed=1)
    long = made.long()
    assert long.column_names == ["draw", "row", *flat.result_schema.names]
    assert long["draw"].to_pylist() == [1] * 240 + [2] * 240
    assert long["row"].to_pylist() == [*range(240)] * 2
    assert long.slice(240).drop_columns(["draw", "row"]).equals(made.tables[1])
    named = Draws((pa.table({"draw": [7]}),), pa.table({"draw": [True]}), 0, ())
    assert named.long().column_names == ["_draw", "row", "draw"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"draws": 0}, r"draws must be an integer in \[1, 1000\], got 0"),
        ({"draws": 1001}, r"draws must be an integer in \[1, 1000\], got 1001"),
        ({"draws": 2.0}, r"draws must be an integer in \[1, 1000\], got 2.0"),
        ({"draws": 2, "seed": -1}, r"seed must be an integer in \[0, \d+\], got -1"),
        ({"draws": 2, "threshold": 2}, r"threshold must be a number in \[0, 1\], got 2"),
        ({"draws": 2, "numbers": "median"}, "numbers must not be given with draws"),
        ({"numbers": "mode"}, "numbers must be one of .*'mean', 'median'.*, got 'mode'"),
        ({"draws": 2, "first_row": -1}, "first_row must be an integer"),
    ],
)
def test_what_is_asked_is_checked(flat: Model, gaps: pa.Table, asked: Any, message: str) -> None:
    """The error has the field, the rule and the value."""
    with pytest.raises(RequestError, match=message):
        flat.denoise(gaps, **asked)


def test_records_must_fit_the_model(flat: Model, gaps: pa.Table) -> None:
    """As everywhere else."""
    with pytest.raises(RecordsError, match="extra"):
        flat.denoise(gaps.append_column("extra", pa.nulls(240)), draws=1)


def test_models_of_arrays_cannot_draw(tiny: Model, table: pa.Table) -> None:
    """The error says which models can."""
    with pytest.raises(UnsupportedError, match=r"cannot draw completions.*tables without arrays"):
        tiny.denoise(table, draws=1)
