"""The benchmark of usefulness: who is called better, and on what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from utility.methods import OURS
from utility.page import page
from utility.ranks import Contest, contests, mean_ranks, rank_gap
from utility.runner import Cell, finished

if TYPE_CHECKING:
    from pathlib import Path

METHODS = ("nothing", "SMOTE", OURS)


def cells(folds: int = 2) -> dict[Cell, dict[str, Any]]:
    """Return figures in which each method is .1 better than the one before it, by all metrics."""
    return {
        Cell("glass2", fold, method): {
            "seconds": 1.0,
            "scores": {
                "kNN": {
                    "average precision": 0.1 * place + 0.01 * fold,
                    "balanced accuracy": 0.1 * place + 0.01 * fold,
                    "log loss": 1 - 0.1 * place + 0.01 * fold,
                }
            },
        }
        for fold in range(folds)
        for place, method in enumerate(METHODS)
    }


def test_more_precision_is_better_and_less_log_loss() -> None:
    """The best by any metric has rank 1; gains are positive where a method is better."""
    held = contests(cells(), METHODS)
    assert {contest.metric for contest in held} == {"average precision", "balanced accuracy", "log loss"}
    assert mean_ranks(held, METHODS) == {"nothing": 3, "SMOTE": 2, OURS: 1}
    assert rank_gap(held, METHODS, (OURS, "nothing")) == (-2, -2, -2)
    for contest in held:
        assert contest.gain(OURS, "nothing") == pytest.approx((0.2, 0))


def test_methods_that_are_equal_share_their_ranks() -> None:
    """Two firsts have rank 1.5 each."""
    values = {"nothing": [0.5], "SMOTE": [0.7], OURS: [0.7]}
    ranks = Contest("glass2", "kNN", "average precision", values).ranks(METHODS)
    assert ranks == {"nothing": 3, "SMOTE": 1.5, OURS: 1.5}


def test_a_fold_counts_only_where_all_methods_have_finished_it() -> None:
    """Methods are never compared on different folds."""
    some = {cell: figures for cell, figures in cells(3).items() if (cell.method, cell.fold) != ("SMOTE", 1)}
    assert all(len(values) == 2 for contest in contests(some, METHODS) for values in contest.values.values())


def test_the_page_says_where_it_hurts() -> None:
    """The verdict is against augmenting where our figures are worse than doing nothing's."""
    about = {"date": "today", "machine": "a machine"}
    good = cells()
    assert "kNN, judged by log loss: augment;" in page(contests(good, METHODS), good, METHODS, about)
    bad = {
        Cell(cell.problem, cell.fold, METHODS[::-1][METHODS.index(cell.method)]): figures
        for cell, figures in good.items()
    }
    text = page(contests(bad, METHODS), bad, METHODS, about)
    assert "kNN, judged by log loss: **do not augment**; worse than doing nothing on 1 of 1 sets" in text


def test_half_written_cells_do_not_count(tmp_path: Path) -> None:
    """A run that was broken off leaves no cell that looks finished."""
    cell = Cell("glass2", 0, "random oversampling")
    path = cell.path(tmp_path)
    path.parent.mkdir()
    path.with_suffix(".part").write_text('{"scores"')
    assert finished(tmp_path, [cell]) == {}
    path.write_text("{}")
    assert finished(tmp_path, [cell]) == {cell: {}}
