"""The full judge: knows good from bad, says why it cannot judge, and never crashes over a table."""

from __future__ import annotations

import datetime as dt
import json
import math

import numpy as np
import pyarrow as pa
import pytest

from augment.data import detect_schema
from augment.errors import ColumnNotFoundError, PublishError, RequestError, SchemaError
from augment.evaluation import Evaluation, Figure, evaluate, figures_for_manifest
from augment.evaluation.grades import grades, overall, sentence
from augment.evaluation.meanings import MEANINGS
from tests.records import every_kind

TRAIN, HOLDOUT, FRESH = every_kind(400, 1), every_kind(300, 2), every_kind(400, 3)
NAMES = [
    "fidelity.shape_error", "fidelity.trend_error",
    "fidelity.detection_auc", "fidelity.detection_auc_logistic",
    "fidelity.alpha_precision", "fidelity.beta_recall", "utility.trained_on_real",
    "utility.trained_on_synthetic", "utility.trained_on_both", "privacy.dcr_share", "privacy.nndr",
    "privacy.membership_auc", "privacy.exact_copies",
]  # fmt: skip


def shuffled(table: pa.Table) -> pa.Table:
    """Return a table with each column in an order of its own."""
    random = np.random.default_rng(0)
    return pa.table({name: table[name].take(random.permutation(len(table))) for name in table.column_names})


def values(found: Evaluation) -> dict[str, float]:
    """Return the values that are there."""
    return {name: figure.value for name, figure in found.figures.items() if figure.value is not None}


@pytest.fixture(scope="module")
def fresh() -> Evaluation:
    """Fresh real rows before the judge: the best there can be."""
    return evaluate(TRAIN, HOLDOUT, FRESH, target="class")


@pytest.fixture(scope="module")
def independent() -> Evaluation:
    """Right columns, wrong rows."""
    return evaluate(TRAIN, HOLDOUT, shuffled(FRESH), target="class")


@pytest.fixture(scope="module")
def copies() -> Evaluation:
    """Training rows, handed out again."""
    return evaluate(TRAIN, HOLDOUT, TRAIN, target="class")


def test_every_figure_is_there_with_its_floor_and_its_meaning(fresh: Evaluation) -> None:
    """All names, in order; each measured, on fresh rows too; each explained."""
    assert list(fresh.figures) == NAMES == [name for name in NAMES if name in MEANINGS]
    assert set(MEANINGS) == set(NAMES)
    for figure in fresh.figures.values():
        assert figure.value is not None
        assert figure.floor is not None
        assert figure.floor_rows > 0
        assert not figure.reason


def test_fresh_real_rows_pass(fresh: Evaluation) -> None:
    """Real rows that the generator never saw get what the floor gets: nothing is red."""
    found = values(fresh)
    assert abs(found["fidelity.detection_auc"] - 0.5) < 0.08
    assert found["fidelity.shape_error"] < 0.08
    assert found["privacy.exact_copies"] == 0
    assert abs(found["privacy.dcr_share"] - 0.5) < 0.08
    assert overall(grades(fresh)) in {"good", "fair"}


def test_independent_columns_fail(independent: Evaluation) -> None:
    """They have the right shapes; the detector, the trends and the downstream model see through them."""
    found = values(independent)
    assert found["fidelity.detection_auc"] > 0.85
    assert found["fidelity.shape_error"] < 0.08
    assert abs(found["fidelity.detection_auc_logistic"] - 0.5) < 0.1
    excess = independent.figures["fidelity.trend_error"].excess
    assert excess is not None
    assert excess > 0.05
    assert found["utility.trained_on_synthetic"] < found["utility.trained_on_real"] - 0.2
    assert grades(independent)[0].tone == "poor"
    assert sentence(grades(independent)).startswith("Red")
    assert "age" in " ".join(reason.text for reason in grades(independent)[0].reasons)


def test_copies_are_found(copies: Evaluation) -> None:
    """Perfect fidelity by copying is red for privacy: every figure of it says so."""
    found = values(copies)
    assert found["privacy.exact_copies"] == 1
    assert found["privacy.dcr_share"] > 0.6
    assert found["privacy.membership_auc"] > 0.9
    assert found["privacy.nndr"] == 0
    assert found["fidelity.shape_error"] == found["fidelity.trend_error"] == 0
    assert found["fidelity.beta_recall"] > copies.figures["fidelity.beta_recall"].floor + 0.2  # type: ignore[operator]
    assert grades(copies)[2].tone == "poor"


@pytest.mark.slow
def test_held_out_rows_that_were_seen_are_told() -> None:
    """By the generator, or in training: both are red, and the verdict says that the rest says little."""
    for train, holdout, synthetic, words in (
        (TRAIN, HOLDOUT, HOLDOUT, "100% of the synthetic rows equal a held-out row"),
        (TRAIN, TRAIN.slice(0, 200), FRESH, "100% of the held-out rows are also training rows"),
    ):
        found = evaluate(train, holdout, synthetic)
        assert words in " ".join(found.leaks)
        assert "not unseen" in sentence(grades(found))
        assert overall(grades(found)) == "poor"


def test_nothing_is_said_of_a_detector_that_had_too_few_rows() -> None:
    """Three rows of each kind: the verdict does not speak of what nobody measured."""
    found = sentence(grades(evaluate(TRAIN.slice(0, 3), HOLDOUT.slice(0, 3), FRESH.slice(0, 3))))
    assert "detector" not in found
    assert "copied" not in found


def test_details_name_the_column_that_is_off() -> None:
    """One distorted column is the worst shape, the most telling one, and most telling alone."""
    age = pa.array(np.asarray(FRESH["age"]) + 25)
    found = evaluate(TRAIN, HOLDOUT, FRESH.set_column(1, "age", age))
    assert found.columns[0].name == "age"
    assert found.detection is not None
    assert max(found.detection.importance, key=lambda name: found.detection.importance[name]) == "age"  # type: ignore[union-attr]
    alone = {column.name: column.alone_auc or 0 for column in found.columns}
    assert max(alone, key=lambda name: alone[name]) == "age"
    assert found.pairs[0].error >= found.pairs[-1].error


def test_the_same_seed_gives_the_same_text(fresh: Evaluation) -> None:
    """JSON is the same to the byte, whatever the order of the columns; it reads back without NaN."""
    turned = FRESH.select(FRESH.column_names[::-1])
    again = evaluate(TRAIN, HOLDOUT, turned, target="class")
    assert again.to_json() == fresh.to_json()
    read = json.loads(fresh.to_json(), parse_constant=pytest.fail)
    assert read["rows"] == {"train": 400, "holdout": 300, "synthetic": 400}
    assert read["figures"]["privacy.nndr"]["better"] == "higher"
    assert len(read["roc"]["true_positives"]) == len(read["roc"]["false_positives"])
    assert json.loads(evaluate(TRAIN, HOLDOUT, FRESH, target="class", seed=5).to_json()) != read


def test_what_is_left_out_is_said(fresh: Evaluation) -> None:
    """Identifiers, texts and arrays are not judged; extra columns are ignored; cuts are told."""
    said = " ".join(fresh.notes)
    assert all(f"{name}: left out" in said for name in ("key", "note", "image"))
    extra = FRESH.drop_columns(["key", "note", "image"]).append_column("more", pa.array([1] * 400))
    found = evaluate(TRAIN, HOLDOUT, extra, target="class", max_rows=100)
    assert any(note.startswith("more: ignored") for note in found.notes)
    assert any("100 of 400 rows" in note for note in found.notes)
    assert found.inputs.synthetic.num_rows == 100


def test_tables_that_do_not_compare_are_refused() -> None:
    """Missing columns are all named, an absent target lists what there is, types and infinities are told."""
    with pytest.raises(SchemaError, match="the synthetic table must have the columns age, income, too"):
        evaluate(TRAIN, HOLDOUT, FRESH.drop_columns(["age", "income"]))
    with pytest.raises(ColumnNotFoundError, match="no column 'klass'; there is: key, age"):
        evaluate(TRAIN, HOLDOUT, FRESH, target="klass")
    with pytest.raises(ColumnNotFoundError, match="klass"):
        evaluate(TRAIN, HOLDOUT, FRESH, target="klass", schema=detect_schema(TRAIN))
    with pytest.raises(SchemaError, match=r"columns\.age must hold numbers, got .string"):
        evaluate(TRAIN, HOLDOUT, FRESH.set_column(1, "age", pa.array(["old"] * 400)))
    with pytest.raises(SchemaError, match=r"columns\.since must hold points in time"):
        evaluate(TRAIN, HOLDOUT, FRESH.set_column(6, "since", pa.array(["soon"] * 400)))
    infinite = FRESH.set_column(2, "income", pa.array([math.inf, *[1.0] * 399]))
    with pytest.raises(SchemaError, match=r"the synthetic table: columns.income.rows\[0\] must be a finite"):
        evaluate(TRAIN, HOLDOUT, infinite)
    with pytest.raises(SchemaError, match="must have one to compare"):
        evaluate(TRAIN.select(["note"]), HOLDOUT, FRESH)
    with pytest.raises(RequestError, match="max_rows must be at least 1"):
        evaluate(TRAIN, HOLDOUT, FRESH, max_rows=0)


@pytest.mark.parametrize("rows", [0, *(pytest.param(few, marks=pytest.mark.slow) for few in (1, 2)), 13])
def test_tiny_tables_give_reasons(rows: int) -> None:
    """One row, or none: no figure, and why; never an exception, never a NaN."""
    for tables in ((TRAIN, HOLDOUT, FRESH.slice(0, rows)), (TRAIN, HOLDOUT.slice(0, rows), FRESH)):
        found = evaluate(*tables, target="class")
        for figure in found.figures.values():
            assert (figure.value is None) == bool(figure.reason)
            assert figure.value is None or math.isfinite(figure.value)
        json.loads(found.to_json(), parse_constant=pytest.fail)
    if rows:
        tiny = evaluate(TRAIN.slice(0, rows), HOLDOUT.slice(0, rows), FRESH.slice(0, rows), target="class")
        assert list(tiny.figures) == NAMES
        assert (tiny.figures["fidelity.detection_auc"].value is None) == (rows < 12)


def odd(rows: int, seed: int) -> pa.Table:
    """Return a table of everything that makes statistics stumble."""
    random = np.random.default_rng(seed)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
    moments = [start + dt.timedelta(minutes=int(minutes)) for minutes in random.integers(0, 10**6, rows)]
    return pa.table(
        {
            "constant": [7.5] * rows,
            "nothing": pa.nulls(rows, pa.float64()),
            "nameless": pa.nulls(rows, pa.string()),
            "many": [f"level {int(level)}" for level in random.integers(0, 400, rows)],
            "huge": random.choice([1e300, -1e300, 0.0, 1.5], rows),
            "flag": pa.array(random.integers(0, 2, rows).astype(bool).tolist()),
            "when": pa.array(moments, pa.timestamp("us")),
            "answer": pa.array(random.normal(size=rows), mask=random.random(rows) < 0.3),
            "kind": pa.array(
                [f"k{int(k)}" for k in random.integers(0, 70, rows)], mask=random.random(rows) < 0.2
            ),
        }
    )


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("answer", marks=pytest.mark.slow),
        pytest.param("kind", marks=pytest.mark.slow),
        pytest.param("constant", marks=pytest.mark.slow),
        pytest.param("many", marks=pytest.mark.slow),
    ],
)
def test_odd_columns_do_not_stop_the_judge(target: str) -> None:
    """Constants, empty columns, 400 levels, 1e300, gaps in the target, 70 classes."""
    found = evaluate(odd(600, 1), odd(400, 2), odd(500, 3), target=target)
    for figure in found.figures.values():
        assert figure.value is None or math.isfinite(figure.value)
    assert abs(values(found)["fidelity.detection_auc"] - 0.5) < 0.15
    assert (found.utility is None) == (target == "constant")
    json.loads(found.to_json(), parse_constant=pytest.fail)


def test_other_tools_types_compare() -> None:
    """Flags as 0 and 1, dates as text, categories as dictionaries: the same cells."""
    real = odd(300, 1)
    other = real.set_column(5, "flag", pa.array(np.asarray(real["flag"]).astype(np.int64)))
    other = other.set_column(6, "when", pa.array([moment.isoformat() for moment in real["when"].to_pylist()]))
    other = other.set_column(3, "many", real["many"].combine_chunks().dictionary_encode())
    found = evaluate(real, odd(300, 2), other)
    assert values(found)["privacy.exact_copies"] == 1


def test_a_constant_or_empty_synthetic_column_is_worst() -> None:
    """What leaves a score undefined is not dropped from the mean."""
    random = np.random.default_rng(0)
    line = random.normal(size=300)
    real = pa.table(
        {"x": line, "y": line + random.normal(size=300), "c": random.choice(["a", "b"], 300).tolist()}
    )
    flat = real.set_column(0, "x", pa.array([0.0] * 300))
    assert values(evaluate(real, real, flat))["fidelity.trend_error"] > 0.4
    gone = real.set_column(2, "c", pa.nulls(300, pa.string()))
    shapes = {column.name: column.shape_error for column in evaluate(real, real, gone).columns}
    assert shapes == {"c": 1.0, "x": 0.0, "y": 0.0}


def test_unseen_levels_are_seen() -> None:
    """A level that real rows never have gives its rows away."""
    city = pa.array(["Atlantis"] * 200 + FRESH["city"].to_pylist()[200:])
    found = values(evaluate(TRAIN, HOLDOUT, FRESH.set_column(3, "city", city)))
    assert found["fidelity.detection_auc"] > 0.7


def test_the_manifest_gets_finite_figures_alone(fresh: Evaluation) -> None:
    """Values by name, floors beside them, nothing that JSON cannot hold."""
    found = figures_for_manifest(fresh)
    assert set(found) == {*NAMES, *(f"{name}.floor" for name in NAMES)}
    few = figures_for_manifest(evaluate(TRAIN, HOLDOUT, FRESH.slice(0, 2)))
    assert "fidelity.detection_auc" not in few
    assert all(math.isfinite(value) for value in few.values())


def test_progress_is_told_and_bad_paths_are_refused(fresh: Evaluation) -> None:
    """In words, step by step; a directory that is not there is an error of ours."""
    heard: list[str] = []
    evaluate(TRAIN.slice(0, 20), HOLDOUT, FRESH, progress=heard.append)
    assert len(heard) == len(set(heard)) >= 6
    with pytest.raises(PublishError, match="could not be written"):
        fresh.write_json("/nowhere/at/all.json")


@pytest.mark.parametrize(
    ("figure", "excess"),
    [
        (Figure(0.6, 0.52, "half"), 0.08),
        (Figure(0.4, 0.52, "half"), 0.08),
        (Figure(0.5, 0.52, "half"), 0.0),
        (Figure(0.1, 0.2, "lower", matched=0.3), 0.1),
        (Figure(0.7, 0.8, "higher"), 0.1),
        (Figure(0.9, 0.8, "higher"), 0.0),
        (Figure(0.9, None, "higher"), None),
        (Figure.absent("lower", "too few"), None),
    ],
)
def test_the_excess_over_fresh_rows(figure: Figure, excess: float | None) -> None:
    """How much worse, whichever way is better; never less than nothing."""
    assert figure.excess == (None if excess is None else pytest.approx(excess))
