"""The fidelity benchmark: what it splits, runs again, ends, and tells."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import fidelity
from fidelity.datasets import DATASETS
from fidelity.methods import METHODS, Task
from fidelity.methods.filled import Filled
from fidelity.published import PUBLISHED
from fidelity.results import Results
from fidelity.runner import Runner
from fidelity.store import Cell, Store
from fidelity.tables import page
from fidelity.targets import Target

if TYPE_CHECKING:
    from fidelity.datasets import Dataset

_SOURCES = Path(fidelity.__file__).parents[1]


def _german_credit(directory: Path) -> Dataset:
    """Return a data set of 50 rows in a file of the right name."""
    lines = ["age,job,class", *(f"{20 + row},{'AB'[row % 2]},{1 + row % 2}" for row in range(50))]
    path = directory / "small.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return replace(DATASETS["german_credit"], files=("small.csv",))


def _runner(directory: Path, *, budget_minutes: float | None = None) -> Runner:
    return Runner(
        store=Store(directory / "cache", threads=1),
        data=directory,
        sources=_SOURCES,
        peers=directory / "no-python",
        budget_minutes=budget_minutes,
        fresh=False,
    )


def _cell(runner: Runner, directory: Path, method: str) -> Cell:
    dataset = _german_credit(directory)
    runner.split(dataset)
    return runner.store.cell(dataset, METHODS[method], 0)


def test_a_split_parts_all_rows_and_is_always_the_same(tmp_path: Path) -> None:
    """A fifth is held out; no row is lost or in both parts; a second reading gives the same."""
    dataset = _german_credit(tmp_path)
    split, again = dataset.read(tmp_path), dataset.read(tmp_path)
    train, holdout = (part["age"].to_pylist() for part in (split.train, split.holdout))
    assert len(holdout) == 10
    assert sorted(train + holdout) == list(range(20, 70))
    assert split.train.equals(again.train)


def test_beijing_loses_its_row_number_and_the_rows_without_a_target() -> None:
    """As the published papers have it."""
    table = pa.table({"No": [1, 2], "pm2.5": [None, 5]})
    assert DATASETS["beijing"].prepare(table).to_pydict() == {"pm2.5": [5]}


def test_a_finished_cell_is_not_run_again(tmp_path: Path) -> None:
    """Its rows are as many as the training rows, and a second run leaves them."""
    runner = _runner(tmp_path)
    cell = _cell(runner, tmp_path, "independent columns")
    assert runner.run(cell)
    assert cell.times["rows"] == 40
    assert not runner.run(cell)


def test_a_cell_over_its_budget_is_ended_and_waits_for_a_larger_one(tmp_path: Path) -> None:
    """What has not run is said not to have run, and is not tried in vain each time."""
    runner = _runner(tmp_path, budget_minutes=1e-4)
    cell = _cell(runner, tmp_path, "independent columns")
    assert runner.run(cell)
    assert not cell.finished
    assert "budget" in cell.failure["reason"]
    assert not runner.run(cell)
    assert replace(runner, budget_minutes=None).run(cell)
    assert cell.finished


@pytest.mark.parametrize(
    ("method", "reason"),
    [("TVAE", "no-python"), ("augment denoiser, fewer steps", "augment denoiser has not finished")],
)
def test_a_cell_that_cannot_run_says_why(tmp_path: Path, method: str, reason: str) -> None:
    """The peers' environment, or the model that it shares, is not there."""
    runner = _runner(tmp_path)
    cell = _cell(runner, tmp_path, method)
    assert not runner.run(cell)
    assert reason in cell.failure["reason"]
    results = Results.of(runner.store, seeds=1)
    assert reason in results.reason("german_credit", method)


def test_times_are_those_of_the_quietest_seeds(tmp_path: Path) -> None:
    """Figures are medians over all seeds, times by the clock over those at the lowest load."""
    store = Store(tmp_path, threads=1)
    dataset, method = DATASETS["german_credit"], METHODS["TVAE"]
    for seed, (load, seconds) in enumerate([([1.0, 1.1], 10.0), ([0.9, 9.0], 50.0), ([0.5, 1.4], 12.0)]):
        directory = store.cell(dataset, method, seed).directory
        directory.mkdir(parents=True)
        times = {"load_average": load, "fit_seconds": seconds, "fit_cpu_seconds": seconds}
        (directory / "times.json").write_text(json.dumps(times), encoding="utf-8")
    results = Results.of(store, 3)
    assert results.median(dataset.name, method.name, "fit") == 11.0
    assert results.median(dataset.name, method.name, "fit_cpu") == 12.0


def test_the_page_of_an_empty_cache_measures_nothing(tmp_path: Path) -> None:
    """No verdict, no figure, and every target listed."""
    text = page(Results.of(Store(tmp_path, threads=1), seeds=3), "some machine")
    assert "not measured" in text
    assert "aim met" not in text
    assert "**missed**" not in text


def test_filled_tables_come_back_with_their_missing_cells(tmp_path: Path) -> None:
    """Peers see no missing cell, and their rows have them where they said so."""
    table = pa.table({"size": [1.5, None, 3.5], "word": ["a", "b", None], "class": [1, 2, 1]})
    task = Task(table, table, "class", classes=True, seed=0, threads=1, directory=tmp_path, shared=tmp_path)
    filled = Filled.of(task)
    assert not filled.frame.isna().any().any()
    assert filled.table(filled.frame).equals(table)


def test_whole_numbers_of_peers_are_rounded(tmp_path: Path) -> None:
    """SMOTE's interpolated numbers become whole ones where the real ones are."""
    table = pa.table({"age": [1, 2, 4], "class": ["x", "y", "x"]})
    task = Task(table, table, "class", classes=True, seed=0, threads=1, directory=tmp_path, shared=tmp_path)
    filled = Filled.of(task)
    frame = filled.frame.assign(age=[1.4, 2.6, 3.5])
    assert filled.table(frame)["age"].to_pylist() == [1, 3, 4]


@pytest.mark.parametrize(
    ("value", "high", "verdict"),
    [
        (0.5, False, "aim met"),
        (1.5, False, "must met"),
        (2.5, False, "**missed**"),
        (None, False, "not measured"),
        (0.5, True, "**missed**"),
        (2.5, True, "aim met"),
    ],
)
def test_verdicts(value: float | None, verdict: str, *, high: bool) -> None:
    """Between the aim and the must, either way round, the must is met."""
    must, aim = (1.0, 2.0) if high else (2.0, 1.0)
    assert Target("t", "d", value, must=must, aim=aim, high=high).verdict == verdict


def test_published_scores_as_auc() -> None:
    """The figures that the targets name: TabSyn, TabDiff and TabPC on beijing."""
    auc = {each.method: round(each.detection_auc, 3) for each in PUBLISHED if each.dataset == "beijing"}
    assert auc == {"TabSyn": pytest.approx(0.737), "TabDiff": 0.614, "TabPC": 0.715}
