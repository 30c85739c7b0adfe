"""Encoding, decoding, reconstructing and scoring agree with each other, whatever rows stand around a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from augment.errors import RecordsError

if TYPE_CHECKING:
    from augment.runtime import Model


def test_latents_have_their_columns(model: Model, table: pa.Table) -> None:
    """float32 columns latent_0 and so on, one row a record."""
    latents = model.encode(table)
    assert latents.latent.column_names == [f"latent_{k}" for k in range(model.manifest.latent_dim)]
    assert set(latents.latent.schema.types) == {pa.float32()}
    assert latents.latent.num_rows == table.num_rows
    assert latents.unseen == ()


def test_reconstruction_is_decoding_the_encoding(model: Model, table: pa.Table) -> None:
    """Reconstruct = decode after encode, from a table, its columns in any order, or an array."""
    latent = model.encode(table).latent
    wanted = model.reconstruct(table).records
    assert wanted.schema == model.result_schema
    assert model.decode(latent).equals(wanted)
    assert model.decode(latent.select(latent.column_names[::-1])).equals(wanted)
    matrix = np.stack([latent.column(name).to_numpy() for name in latent.column_names], axis=1)
    assert model.decode(matrix).equals(wanted)
    assert model.decode(matrix.astype(np.float64)).equals(wanted)


@pytest.mark.parametrize(("start", "rows"), [(0, 1), (7, 25), (31, 66), (200, 40)])
def test_a_row_does_not_depend_on_its_neighbours(
    model: Model, table: pa.Table, start: int, rows: int
) -> None:
    """Latents and repairs of a row are the same bits alone and in company; scores to their last bits.

    onnxruntime's sums over a row begin where memory is aligned, which depends on the row's place.
    """
    part = table.slice(start, rows)
    assert model.encode(part).latent.equals(model.encode(table).latent.slice(start, rows))
    assert model.denoise(part).records.equals(model.denoise(table).records.slice(start, rows))
    alone, together = (model.score(each).scores.column("score").to_numpy() for each in (part, table))
    np.testing.assert_allclose(alone, together[start : start + rows], rtol=1e-5)


def test_scores_have_percentiles_where_quantiles_are_known(model: Model, table: pa.Table) -> None:
    """One float32 score a record; beside it a percentile if, and only if, the bundle holds quantiles."""
    scores = model.score(table).scores
    names = ["score"] if model.manifest.score_quantiles is None else ["score", "percentile"]
    assert scores.schema == pa.schema([(name, pa.float32()) for name in names])
    assert scores.num_rows == table.num_rows


def test_odd_records_score_higher(tiny: Model, table: pa.Table) -> None:
    """A record whose cells contradict each other is more unusual than the one it was made from."""
    classes = table.column("class").to_numpy()
    swapped = table.set_column(table.column_names.index("class"), "class", pa.array(1 - classes))
    plain, odd = (tiny.score(rows).scores.column("score").to_numpy().mean() for rows in (table, swapped))
    assert odd > plain


def test_what_training_never_had_is_odd(tiny: Model, table: pa.Table) -> None:
    """Scores grow with the distance beyond the training range; percentiles end at 100."""
    place = table.column_names.index("age")
    top = max(table.column("age").drop_null().to_pylist())
    kind = table.schema.field("age").type
    told = []
    for far in (0, 1, 20, 2000):
        ages = pa.array([top + far] * table.num_rows, kind)
        told.append(tiny.score(table.set_column(place, "age", ages)).scores)
    assert (np.diff([one.column("score").to_numpy() for one in told], axis=0) > 0).all()
    assert told[-1].column("percentile").to_numpy().min() == 100


def test_unseen_categories_are_odd(tiny: Model, table: pa.Table) -> None:
    """More than where they are missing, by the logarithm of the rows and one."""
    place = table.column_names.index("city")
    missing, unseen = (
        tiny.score(table.set_column(place, "city", pa.array([city] * table.num_rows, pa.string())))
        for city in (None, "Atlantis")
    )
    more = unseen.scores.column("score").to_numpy() - missing.scores.column("score").to_numpy()
    np.testing.assert_allclose(more, np.log(tiny.manifest.encoding.rows + 1), rtol=1e-4)


def test_unseen_categories_are_reported(model: Model, table: pa.Table) -> None:
    """A value that training never saw is read as missing and told, with its count and first row."""
    cities = table.column("city").to_pylist()
    cities[3] = cities[8] = "Atlantis"
    records = table.set_column(table.column_names.index("city"), "city", pa.array(cities))
    for unseen in (
        model.encode(records).unseen,
        model.reconstruct(records).unseen,
        model.score(records).unseen,
    ):
        assert [(each.column, each.value, each.cells, each.first_row) for each in unseen] == [
            ("city", "Atlantis", 2, 3)
        ]


def test_identifiers_and_text_need_not_be_there(model: Model, table: pa.Table) -> None:
    """They are never learnt, so nothing depends on them."""
    assert model.encode(table.drop(["key", "note"])).latent.equals(model.encode(table).latent)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda table: table.drop(["age"]), "columns.age"),
        (lambda table: table.append_column("extra", pa.nulls(table.num_rows)), "columns.extra"),
        (lambda table: table.slice(0, 0), "records"),
        (lambda table: table.to_pylist(), "records"),
        (lambda table: _with(table, "age", ["x"] * table.num_rows), "columns.age"),
        (lambda table: _with(table, "age", [None, *range(table.num_rows - 1)]), "columns.age.rows[0]"),
    ],
)
def test_records_must_fit_the_model(model: Model, table: pa.Table, change: Any, field: str) -> None:
    """Missing, unknown and wrong columns are named; every operation on records says the same."""
    records = change(table)
    for operation in (model.encode, model.reconstruct, model.score):
        with pytest.raises(RecordsError) as caught:
            operation(records)
        assert caught.value.violations[0].field == field


def _with(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


@pytest.mark.parametrize(
    ("latent", "field", "rule"),
    [
        (pa.table({"latent_0": [1.0]}), "latent", "must have exactly the columns latent_0 to latent_2"),
        (pa.table({f"latent_{k}": [0.0] for k in range(4)}), "latent", "must have exactly the columns"),
        (pa.table({f"latent_{k}": pa.array([], pa.float32()) for k in range(3)}), "latent", "at least 1 row"),
        (
            pa.table({"latent_0": [0], "latent_1": [None], "latent_2": [0.0]}),
            "columns.latent_1.rows[0]",
            "missing",
        ),
        (
            pa.table({"latent_0": [0], "latent_1": ["x"], "latent_2": [0.0]}),
            "columns.latent_1",
            "must be numbers",
        ),
        (np.zeros((1, 2)), "latent", "must be numbers of shape [rows, 3]"),
        (np.zeros(3), "latent", "must be numbers of shape [rows, 3]"),
        (np.zeros((2, 3), bool), "latent", "must be numbers of shape [rows, 3]"),
        (np.array([[0, 0, 0], [0, np.nan, 0]]), "columns.latent_1.rows[1]", "must be a finite float32"),
        (np.array([[0, 0, np.inf]]), "columns.latent_2.rows[0]", "must be a finite float32"),
        (np.array([[1e300, 0, 0]]), "columns.latent_0.rows[0]", "must be a finite float32"),
    ],
)
def test_latent_vectors_must_fit_the_model(small: Model, latent: Any, field: str, rule: str) -> None:
    """Columns, shape and numbers are checked before any graph sees them."""
    with pytest.raises(RecordsError) as caught:
        small.decode(latent)
    assert caught.value.violations[0].field == field
    assert rule in caught.value.violations[0].rule


def test_whole_numbers_are_latents_too(small: Model) -> None:
    """Integer columns are taken for the numbers they are."""
    whole = pa.table({f"latent_{k}": [1, -2] for k in range(3)})
    assert small.decode(whole).equals(small.decode(np.array([[1.0] * 3, [-2.0] * 3])))
