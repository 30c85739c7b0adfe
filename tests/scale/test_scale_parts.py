from __future__ import annotations

from itertools import accumulate

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data import Schema
from augment.scale.amounts import filled_up, planned_draws
from augment.scale.drift import total_variation
from augment.scale.inputs import InputFile, Reader
from augment.scale.operations import Augment
from augment.scale.parts import Draw, Parts, RealPart, SyntheticPart
from augment.scale.places import is_within
from augment.scale.processing import Records
from augment.sources.source import Request

SCHEMA = Schema.model_validate({"columns": [{"name": "age", "kind": "integer", "storage": "int64"}]})
COUNTS = st.lists(st.integers(1, 2_000), max_size=5)


@settings(max_examples=60, deadline=None)
@given(COUNTS, COUNTS, st.integers(1, 2_000))
def test_each_row_is_in_one_part(files: list[int], draws: list[int], size: int) -> None:
    """The parts are the rows of each file, then of each request, without a gap, under names in order."""
    starts = [0, *accumulate(files)]
    offsets = [0, *accumulate(draws)]
    inputs = [InputFile(f"{n}", rows, starts[n], "", "parquet") for n, rows in enumerate(files)]
    requests = [Draw(0, Request(rows, offset=offsets[number])) for number, rows in enumerate(draws)]
    parts = Parts(tuple(inputs), tuple(requests), size)
    listed = [parts[number] for number in range(len(parts))]
    assert [part.number for part in listed] == list(range(len(parts)))
    given_rows = [
        row
        for part in listed
        if isinstance(part, RealPart)
        for row in range(part.first_row, part.first_row + part.rows)
    ]
    made_rows = [
        row
        for part in listed
        if isinstance(part, SyntheticPart)
        for row in range(part.first_row, part.first_row + part.rows)
    ]
    assert given_rows == list(range(sum(files)))
    assert made_rows == list(range(sum(draws)))
    assert all(1 <= part.rows <= size for part in listed)
    for part in listed[: len(parts.given)]:
        assert isinstance(part, RealPart)
        assert inputs[part.file].first_row + part.start == part.first_row
        assert part.start % size == 0
    names = [part.name for part in listed]
    assert names == sorted(names)
    assert len(set(names)) == len(names)


def test_a_hundred_billion_rows_are_a_formula() -> None:
    """Nothing is listed, however many parts there are."""
    parts = Parts((), (Draw(0, Request(10**11)),), 65_536)
    assert len(parts) == 1_525_879
    last = parts[len(parts) - 1]
    assert last.first_row + last.rows == 10**11
    with pytest.raises(IndexError):
        parts[len(parts)]


@given(
    st.dictionaries(st.text("abc", min_size=1), st.integers(1, 1_000), min_size=1),
    st.integers(0, 5_000),
)
def test_classes_are_filled_up_evenly(counts: dict[str, int], added: int) -> None:
    """All rows asked for are added; nobody gets one while a rarer class has fewer."""
    more = filled_up(counts, added)
    assert sum(more.values()) == added
    after = {each: count + more.get(each, 0) for each, count in counts.items()}
    if more:
        assert max(after[each] for each in more) - min(after.values()) <= 1
    even = filled_up(counts, None)
    assert {count + even.get(each, 0) for each, count in counts.items()} == {max(counts.values())}


@pytest.mark.parametrize(("factor", "rows", "made"), [(1.1, 50, 55), (1.1, 51, 57), (2.0, 7, 14)])
def test_a_factor_is_what_is_written(factor: float, rows: int, made: int) -> None:
    """1.1 times 50 is 55, though floats make 55.00000000000001 of it."""
    files = [InputFile("a", rows, 0, "", "parquet")]
    (draw,) = planned_draws([Augment(factor=factor)], files, Reader(SCHEMA, ()), 0)
    assert rows + draw.request.rows == made


def test_one_condition_needs_no_list() -> None:
    """As one input needs none."""
    asked = Augment.model_validate({"rows": 5, "conditions": "age > 3"})
    assert asked.conditions == ("age > 3",)


def test_appended_columns_keep_clear_of_free_text() -> None:
    """A text column that is called like one gets no neighbour of its name."""
    records = Records(pa.table({"age": [1]}), taken=("score",)).appended(pa.table({"score": [0.5]}))
    assert list(records.extras) == ["_score"]


@pytest.mark.parametrize(
    ("output", "given", "within"),
    [
        ("rows/out", "rows", True),
        ("rows-2", "rows", False),
        ("rows/out", "rows/*.parquet", False),
        ("rows/out", "rows/*/*.parquet", True),
        ("rows/out", "rows/**/*.parquet", True),
        ("rows/out", "rows/**/*.csv", False),
        ("s3://bucket/rows/out", "s3://bucket/rows/*/*", True),
        ("s3://bucket/other", "s3://bucket/rows/", False),
        ("rows/out", "s3://bucket/rows", False),
    ],
)
def test_an_output_that_a_next_run_would_read_is_known(output: str, given: str, *, within: bool) -> None:
    """Below a directory, or where a glob looks."""
    assert is_within(output, given) == within


def test_chance_alone_makes_about_what_is_expected_of_it() -> None:
    """Two samples of one source are as far from each other as the formula says; one of another is further."""
    generator = np.random.default_rng(1)
    shares = generator.dirichlet(np.ones(40))
    far = []
    for _ in range(50):
        here, learnt = generator.multinomial(2_000, shares), generator.multinomial(5_000, shares)
        distance, expected = total_variation(here, learnt)
        far.append(distance / expected)
    assert 0.9 < np.mean(far) < 1.1
    other = generator.multinomial(2_000, generator.dirichlet(np.ones(40)))
    distance, expected = total_variation(other, generator.multinomial(5_000, shares))
    assert distance > 5 * expected
