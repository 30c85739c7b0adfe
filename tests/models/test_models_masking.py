"""Laws of what a denoiser's training records are asked."""

from __future__ import annotations

import torch

from augment.models.masking import cells_before, cells_to_restore

ROWS = 20_000
ORDER = torch.tensor([2, 0, 3, 1])
COLUMNS = len(ORDER)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_to_generate_the_columns_before_are_given() -> None:
    """Of a record made from nothing exactly the columns before the one asked for are given."""
    observed = cells_before(3, ORDER, 0.0, generator())
    for place, column in enumerate(ORDER.tolist()):
        wanted = torch.zeros(COLUMNS)
        wanted[ORDER[:place]] = 1
        assert torch.equal(observed[:, column], wanted.expand(3, COLUMNS))


def test_a_cell_asked_for_is_never_given() -> None:
    """What is asked for is hidden, whatever the conditions."""
    observed = cells_before(ROWS, ORDER, 1.0, generator())
    assert float(observed.diagonal(dim1=1, dim2=2).max()) == 0


def test_conditions_may_lie_anywhere() -> None:
    """Of the records with conditions the first column sees others, in any number, all as often."""
    observed = cells_before(ROWS, ORDER, 1.0, generator())[:, ORDER[0]]
    counts = torch.bincount(observed.sum(1).long(), minlength=COLUMNS)
    assert float(counts.min()) > 0.05 * ROWS
    means = observed.mean(0)[[0, 1, 3]]
    torch.testing.assert_close(means, means.mean().expand(3), rtol=0, atol=0.02)
    half = cells_before(ROWS, ORDER, 0.5, generator())[:, ORDER[0]]
    torch.testing.assert_close(half.mean(), observed.mean() / 2, rtol=0.05, atol=0)


def test_a_record_that_is_not_doubted_has_a_hidden_cell() -> None:
    """To impute at least one cell is hidden; few and nearly all are the likeliest numbers."""
    observed = cells_to_restore(torch.zeros(ROWS, 1), COLUMNS, generator())
    counts = torch.bincount(observed.sum(1).long(), minlength=COLUMNS + 1)
    assert int(counts[COLUMNS]) == 0
    assert int(counts[:COLUMNS].min()) > 0.15 * ROWS


def test_doubted_records_are_mostly_whole() -> None:
    """Repairing sees most of a record, often all of it."""
    observed = cells_to_restore(torch.ones(ROWS, 1), COLUMNS, generator())
    assert 0.25 < float(1 - observed.mean()) < 0.45
    assert float((observed.sum(1) == COLUMNS).float().mean()) > 0.3
