"""Rows that know their numbers give the same wherever the table was cut; errors travel between processes."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from augment.bundle import publish
from augment.errors import (
    BundleCorruptError,
    ClusterError,
    GraphError,
    ModelNotFoundError,
    RecordsError,
    RequestError,
    StepError,
    UnsupportedError,
)
from augment.runtime import Model
from augment.runtime.asked import checked_conditions
from augment.scale.addresses import ROW_COLUMN, placed, row_numbers, with_rows
from augment.scale.applying import Applying, denoising
from augment.scale.delivery import Delivery, delivery_of
from augment.scale.generating import Generating
from augment.scale.making import sendable
from augment.scale.operations import Denoise, Encode, Score
from augment.sources.source import Request
from augment_proto.receipt import Receipt
from tests.bundle.small_graphs import draft_of
from tests.scale.tables import same, whole

if TYPE_CHECKING:
    from pathlib import Path

    from augment.errors import AugmentError

Operation = Denoise | Encode | Score
OPERATIONS = (Denoise(), Denoise(threshold=0, numbers="median"), Encode(), Score())


@pytest.fixture(scope="module")
def model(tiny_bundle: Path) -> Model:
    """A model that was trained for a few epochs: its arithmetic is real."""
    return Model.open(tiny_bundle, threads=1)


@pytest.fixture(scope="module")
def records(table: pa.Table) -> pa.Table:
    """Records with missing cells, without text, and without identifiers."""
    return table.drop_columns(["note", "key"])


def in_pieces(model: Model, operation: Operation, pieces: list[pa.Table]) -> pa.Table:
    """Return what workers make of pieces."""
    made = [one for piece in pieces for one in Applying(operation).tables(model, piece)]
    return pa.concat_tables(made).unify_dictionaries().combine_chunks()


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.parametrize("cuts", [(), (100,), (1, 2, 3, 5, 48, 49, 130)], ids=str)
def test_a_numbered_table_gives_the_same_wherever_it_is_cut(
    model: Model, records: pa.Table, operation: Operation, cuts: tuple[int, ...]
) -> None:
    """To the bit, identifiers included."""
    numbered = with_rows(records, np.arange(records.num_rows), ROW_COLUMN)
    edges = [0, *cuts, records.num_rows]
    pieces = [numbered.slice(start, end - start) for start, end in pairwise(edges)]
    made = in_pieces(model, operation, pieces)
    assert made[ROW_COLUMN].to_pylist() == [*range(records.num_rows)]
    assert same(made.drop_columns([ROW_COLUMN]), whole(model, operation, records))


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_rows_that_were_filtered_and_shuffled_keep_what_they_are(
    model: Model, records: pa.Table, operation: Operation
) -> None:
    """Each is what it is in the whole table."""
    chosen = np.random.default_rng(3).permutation(records.num_rows)[:60]
    numbered = with_rows(records, np.arange(records.num_rows), ROW_COLUMN).take(chosen)
    made = in_pieces(model, operation, [numbered.slice(0, 31), numbered.slice(31)])
    wanted = whole(model, operation, records).take(chosen)
    assert same(made.drop_columns([ROW_COLUMN]), wanted)


def test_places_agree_with_numbers_modulo_the_alignment() -> None:
    """For numbers with gaps, falls and repetitions."""
    generator = np.random.default_rng(0)
    for _ in range(50):
        rows = np.concatenate(
            [np.sort(generator.integers(0, 200, generator.integers(1, 40))) for _ in range(3)]
        )
        places = placed(rows, 16)
        assert (places.source[places.kept] == np.arange(len(rows))).all()
        for span, first in zip(places.spans, places.firsts, strict=True):
            inside = (places.kept >= span.start) & (places.kept < span.stop)
            assert first % 16 == 0
            assert (first + places.kept[inside] - span.start == rows[inside]).all()


def test_whole_tables_are_not_copied() -> None:
    """Rows 16 to 99 lie where they are."""
    assert placed(np.arange(16, 100)).is_whole
    assert not placed(np.arange(17, 100)).is_whole


@pytest.mark.parametrize(
    ("numbers", "found"),
    [([0.5, 1.0], "double"), ([1, None], "None"), ([-1, 2], "-1"), (["a", "b"], "string")],
)
def test_row_numbers_are_integers_from_0(numbers: list[object], found: str) -> None:
    """All else is refused."""
    with pytest.raises(RecordsError, match=rf"columns\._row must hold the number .* got .*{found}"):
        row_numbers(pa.table({ROW_COLUMN: numbers}), ROW_COLUMN)


@pytest.mark.parametrize(
    ("threshold", "numbers", "rule"),
    [
        (2, None, r"threshold must be a number in \[0, 1\], got 2"),
        (True, None, "threshold must be a number"),
        (None, "mode", "numbers must be one of"),
    ],
)
def test_parameters_are_checked_where_they_are_given(
    threshold: float | None, numbers: str | None, rule: str
) -> None:
    """As `Model.denoise` does; None is the usual one."""
    with pytest.raises(RequestError, match=rule):
        denoising(threshold, numbers)
    assert denoising(None, None) == Denoise()
    assert denoising(0, "median") == Denoise(threshold=0, numbers="median")


def test_nothing_is_made_of_empty_blocks(model: Model) -> None:
    """Those that a filter leaves may even have no columns."""
    for operation in OPERATIONS:
        assert list(Applying(operation).tables(model, pa.table({}))) == []


def test_identifiers_are_not_made_of_rows_without_numbers(model: Model, records: pa.Table) -> None:
    """Two blocks would make the same ones."""
    with pytest.raises(RecordsError, match=r"columns\._row must hold .* identifiers are made: key.*numbered"):
        list(Applying(Denoise()).tables(model, records))
    with pytest.raises(RecordsError, match="identifiers are made: key"):
        Applying(Denoise()).check(model, records.schema)


def test_columns_are_refused_before_any_row_is_there(model: Model, table: pa.Table) -> None:
    """Missing ones, those of other types, unknown ones where they would be lost, and those that are made."""
    found, other = table.schema, pa.field("other", pa.int64())
    without = found.remove(found.get_field_index("age"))
    with pytest.raises(RecordsError, match=r"columns\.age must be there"):
        Applying(Score()).check(model, without)
    Applying(Denoise()).check(model, without)
    with pytest.raises(RecordsError, match=r"columns\.other must be in the schema"):
        Applying(Denoise()).check(model, found.append(other))
    Applying(Score()).check(model, found.append(other).append(other.with_name(ROW_COLUMN)))
    with pytest.raises(RecordsError, match=r"columns\.score must not be there"):
        Applying(Score()).check(model, found.append(other.with_name("score")))
    with pytest.raises(RecordsError, match=r"columns\.age must be integer \(int64\), got string"):
        Applying(Score()).check(model, without.append(pa.field("age", pa.string())))


def test_a_wrong_cell_is_told_by_its_place_among_the_given_rows(model: Model, table: pa.Table) -> None:
    """And not by where it was computed."""
    ages = table["age"].to_pylist()
    ages[7] = None
    wrong = table.set_column(table.schema.get_field_index("age"), "age", pa.array(ages)).drop_columns(
        ["note"]
    )
    numbered = with_rows(wrong, np.arange(5, 5 + wrong.num_rows), ROW_COLUMN)
    with pytest.raises(RecordsError, match=r"rows from 5 on: columns\.age\.rows\[7\]"):
        list(Applying(Encode()).tables(model, numbered))


def test_parts_are_known_by_their_numbers(model: Model) -> None:
    """They cover what is asked for, once, and are cut at multiples counted from row 0."""
    asked = Generating(Request(205, 3, 70), part_rows=64, row_column=ROW_COLUMN).checked(model)
    assert [asked.span(part) for part in range(asked.parts)] == [
        range(70, 128),
        range(128, 192),
        range(192, 256),
        range(256, 275),
    ]
    parts = pa.table({"first": [0, 3], "stop": [3, 4]})
    made = pa.concat_tables(asked.tables(model, parts))
    assert made[ROW_COLUMN].to_pylist() == [*range(70, 275)]
    assert same(made.drop_columns([ROW_COLUMN]), model.generate(205, seed=3, offset=70))


def test_a_receipt_says_what_was_asked(model: Model) -> None:
    """Conditions as text, whichever way they were written."""
    request = Request(10, 3, conditions=checked_conditions({"city": ["Bern"]}), balance="class", steps=4)
    asked = Generating(request).checked(model)
    found = asked.receipt(model)
    assert (found.conditions, found.balance, found.steps) == (("city = Bern",), "class", 4)
    assert Receipt.of(found.on(pa.schema([]))) == found


def test_generation_is_checked_beforehand(model: Model) -> None:
    """As `Model.generate` does."""
    with pytest.raises(RequestError, match="rows must be"):
        Generating(Request(0)).checked(model)
    with pytest.raises(RequestError, match="part_rows must be"):
        Generating(Request(1), part_rows=0).checked(model)
    with pytest.raises(RequestError, match="row_column must not be"):
        Generating(Request(1), row_column="age").checked(model)


@pytest.fixture(scope="module")
def small_bundle(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of small graphs."""
    return publish(tmp_path_factory.mktemp("small"), "small", draft_of(table))


@pytest.mark.parametrize("shared", [False, True])
def test_a_bundle_reaches_a_worker_as_it_is(small_bundle: Path, shared: bool) -> None:  # noqa: FBT001
    """By its files or by its path; opened once in a process."""
    here, delivery = delivery_of(small_bundle, 1, shared=shared)
    there = pickle.loads(pickle.dumps(delivery)).open()  # noqa: S301 - what Ray and Spark do
    assert there.digest == here.digest
    assert there.generate(5, seed=1).equals(here.generate(5, seed=1))
    assert delivery.model() is delivery.model()


def test_a_shared_bundle_that_is_not_there_or_another_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    """With what to do about it."""
    with pytest.raises(BundleCorruptError, match=r"is not on this worker.*leave `shared` out"):
        Delivery(str(tmp_path / "small" / "1"), "0" * 64, 1, None).open()
    with pytest.raises(BundleCorruptError, match=f"must be the bundle with digest {'0' * 64}"):
        Delivery(str(small_bundle), "0" * 64, 1, None).open()


class OddError(Exception):
    """What pickle writes but cannot read: as in many packages, its arguments are not those of its message."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} ({code})")


def test_errors_of_others_are_told_where_they_cannot_travel() -> None:
    """By their name and message."""
    assert str(sendable(OddError(5, "disk on fire"))) == "OddError: disk on fire (5)"
    mine = StepError("stays")
    assert sendable(mine) is mine


@pytest.mark.parametrize(
    "error",
    [
        RecordsError.of("rows", "must be at least 1", 0, "Give more", context="a.csv"),
        ModelNotFoundError("adult", ("iris",)),
        BundleCorruptError("models/a/1", "is broken"),
        GraphError("models/a/1", "gave NaN", "in row 3"),
        UnsupportedError("cannot"),
        ClusterError("nobody there"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_come_from_other_processes_as_they_are(error: AugmentError) -> None:
    """Type, message and attributes."""
    found = pickle.loads(pickle.dumps(error))  # noqa: S301 - what Ray, Spark and multiprocessing do
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert vars(found) == vars(error)


def test_receipts_tell_no_number_of_rows_that_nobody_knows(model: Model) -> None:
    """Of a data set whose rows come later: the count is left out, and read as not told."""
    receipt = Applying(Encode()).receipt(model)
    assert "rows" not in json.loads(receipt.to_json())
    assert Receipt.of(receipt.on(pa.schema([]))) == receipt
