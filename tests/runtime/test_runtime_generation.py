"""Rows have addresses: row i of a seed is the same, however it is asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augment.errors import RequestError, UnsupportedError
from augment.runtime import MAX_ROW, Model

if TYPE_CHECKING:
    from pathlib import Path

LAWS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def known() -> dict[str, pa.Table]:
    """The first rows of seed 3, by model name."""
    return {}


@LAWS
@given(data=st.data(), max_rows=st.none() | st.integers(1, 700))
def test_any_request_is_a_slice(
    model: Model, known: dict[str, pa.Table], data: st.DataObject, max_rows: int | None
) -> None:
    """generate(rows, offset) is that slice of the endless table, and so are its batches of any size."""
    total = 2 * model.manifest.block_rows + 50
    offset = data.draw(st.integers(0, total - 1))
    rows = data.draw(st.integers(1, total - offset))
    whole = known.setdefault(model.name, model.generate(total, seed=3))
    wanted = whole.slice(offset, rows)
    assert model.generate(rows, seed=3, offset=offset).equals(wanted)
    batches = list(model.generate_batches(rows, seed=3, offset=offset, max_rows=max_rows))
    for batch in batches:
        batch.validate(full=True)
        assert batch.schema.equals(model.wire_schema)
    assert pa.Table.from_batches(batches).cast(model.result_schema).equals(wanted)
    if max_rows is not None:
        ends = offset + np.cumsum([batch.num_rows for batch in batches])
        assert not (ends[:-1] % max_rows).any()
        assert all(1 <= batch.num_rows <= max_rows for batch in batches)


def test_far_rows_cost_no_more(model: Model) -> None:
    """An offset of a trillion touches one or two blocks, and the last row of all can be had."""
    far = model.generate(3, seed=1, offset=10**12 + 5)
    assert model.generate(1, seed=1, offset=10**12 + 6).equals(far.slice(1, 1))
    assert model.generate(1, seed=1, offset=MAX_ROW - 1).num_rows == 1


def test_tables_have_the_types_of_the_training_file(model: Model, table: pa.Table) -> None:
    """Columns and types are those of the data, without the text column."""
    made = model.generate(5)
    assert made.schema == model.result_schema
    assert made.column_names == [name for name in table.column_names if name != "note"]
    for name in made.column_names:
        wanted = table.schema.field(name).type
        found = made.schema.field(name).type
        assert found == wanted or (pa.types.is_dictionary(wanted) and found.value_type == wanted.value_type)


def test_only_nullable_columns_have_missing_cells(model: Model) -> None:
    """A column without missing cells in training gets none."""
    made = model.generate(500, seed=2)
    for column in model.manifest.record_schema.columns:
        if not column.nullable and column.kind != "text":
            assert made.column(column.name).null_count == 0


def test_categories_are_shared_not_copied(model: Model) -> None:
    """Every batch refers to one dictionary in memory."""
    batches = list(model.generate_batches(100, seed=5, max_rows=30))
    buffers = {batch.column("city").dictionary.buffers()[2].address for batch in batches}
    assert len(batches) > 1
    assert len(buffers) == 1


def test_seeds_differ(model: Model) -> None:
    """Two seeds give two tables; the whole range of seeds can be used."""
    tables = [model.generate(50, seed=seed).drop(["key"]) for seed in (0, 1, 2**63, 2**64 - 1)]
    for index, one in enumerate(tables):
        assert not any(one.equals(other) for other in tables[index + 1 :])


def test_threads_do_not_change_a_bit(tiny_bundle: Path, tiny: Model) -> None:
    """One thread or two, one caller or eight: the same rows."""
    wanted = tiny.generate(300, seed=9)
    assert Model.open(tiny_bundle, threads=2).generate(300, seed=9).equals(wanted)
    with ThreadPoolExecutor(8) as pool:
        parts = pool.map(lambda start: tiny.generate(30, seed=9, offset=start), range(0, 300, 30))
        assert pa.concat_tables(parts).equals(wanted)


def test_numpy_integers_are_integers(small: Model) -> None:
    """What people index with may be passed."""
    made = small.generate(np.int64(5), seed=np.uint64(2**64 - 1), offset=np.int32(3))
    assert made.equals(small.generate(5, seed=2**64 - 1, offset=3))


@pytest.mark.parametrize(
    "asked",
    [{"conditions": ["age > 30"]}, {"balance": "class"}, {"steps": 3}],
    ids=lambda asked: next(iter(asked)),
)
def test_a_sampler_that_cannot_condition_says_which_can(small: Model, asked: dict[str, Any]) -> None:
    """Nothing is generated that does not keep to what was asked; without a wish nothing changes."""
    with pytest.raises(UnsupportedError, match=r"sampler vae cannot condition.*samplers that can: none"):
        small.generate(5, sampler="vae", **asked)
    nothing: dict[str, Any] = {"conditions": [], "balance": None, "steps": None}
    assert small.generate(5, sampler="vae", **nothing).equals(small.generate(5, sampler="vae"))


@pytest.mark.parametrize(
    ("arguments", "field", "rule"),
    [
        ({"rows": 0}, "rows", f"must be an integer in [1, {MAX_ROW}]"),
        ({"rows": -1}, "rows", f"must be an integer in [1, {MAX_ROW}]"),
        ({"rows": 2**63}, "rows", f"must be an integer in [1, {MAX_ROW}]"),
        ({"rows": 1.0}, "rows", f"must be an integer in [1, {MAX_ROW}]"),
        ({"rows": True}, "rows", f"must be an integer in [1, {MAX_ROW}]"),
        ({"rows": np.True_}, "rows", f"must be an integer in [1, {MAX_ROW}]"),
        ({"rows": "10"}, "rows", f"must be an integer in [1, {MAX_ROW}]"),
        ({"rows": np.arange(2)}, "rows", f"must be an integer in [1, {MAX_ROW}]"),
        ({"rows": 1, "offset": MAX_ROW}, "rows", f"must be such that offset + rows is at most {MAX_ROW}"),
        ({"rows": 1, "offset": -1}, "offset", f"must be an integer in [0, {MAX_ROW}]"),
        ({"rows": 1, "seed": -1}, "seed", f"must be an integer in [0, {2**64 - 1}]"),
        ({"rows": 1, "seed": 2**64}, "seed", f"must be an integer in [0, {2**64 - 1}]"),
        ({"rows": 1, "seed": float("nan")}, "seed", f"must be an integer in [0, {2**64 - 1}]"),
        ({"rows": 1, "seed": None}, "seed", f"must be an integer in [0, {2**64 - 1}]"),
        ({"rows": 1, "sampler": "flow"}, "sampler", "must be one of ['vae']"),
        ({"rows": 1, "max_rows": 0}, "max_rows", f"must be an integer in [1, {2**31 - 1}]"),
        ({"rows": 1, "steps": 0}, "steps", "must be an integer in [1, 100000]"),
        ({"rows": 1, "steps": 1.5}, "steps", "must be an integer in [1, 100000]"),
        (
            {"rows": 1, "conditions": "age > 3"},
            "conditions",
            "must be a list of conditions, or values by column",
        ),
        ({"rows": 1, "conditions": 5}, "conditions", "must be a list of conditions, or values by column"),
        (
            {"rows": 1, "conditions": {"age": (1, 2, 3)}},
            "conditions on age",
            "must be a pair (low, high), of which one may be None, or a list of values",
        ),
        ({"rows": 1, "conditions": ["age > 3", "nothing"]}, "conditions[1]", "must be a condition"),
        ({"rows": 1, "conditions": ["age in 9..3"]}, "conditions[0]", "must be possible"),
        ({"rows": 1, "conditions": ["age > 1000"]}, "conditions[0]", "must be possible"),
        ({"rows": 1, "conditions": ["age > 0"] * 257}, "conditions", "must be at most 256"),
        ({"rows": 1, "balance": "income"}, "balance", "must be a column of 1 to 50 values"),
        ({"rows": 1, "balance": "city: Bern=0.5"}, "balance", "must have shares that sum to 1"),
    ],
)
def test_parameters_out_of_range_are_named(
    small: Model, arguments: dict[str, Any], field: str, rule: str
) -> None:
    """The error has the field, the rule and the value, and comes with the call, not with the first batch."""
    with pytest.raises(RequestError) as caught:
        small.generate_batches(**arguments)
    (violation,) = caught.value.violations
    assert (violation.field, violation.rule) == (field, rule)
    assert violation.value
    assert isinstance(caught.value, ValueError)
