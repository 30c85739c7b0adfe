"""Laws of what a denoiser's training records are asked."""

from __future__ import annotations

import torch

from augment.models.masking import Masking, MaskingOptions, mask_cells

ROWS = 20_000
ORDER = torch.tensor([2, 0, 3, 1])
COLUMNS = len(ORDER)


def masked(**shares: float) -> Masking:
    return mask_cells(ROWS, ORDER, MaskingOptions(**shares), torch.Generator().manual_seed(0))


def test_to_generate_the_columns_before_the_target_are_given() -> None:
    """Of records made from nothing exactly the columns before the target are given, each as often."""
    masking = masked(generate_share=1.0, condition_share=0.0)
    places = torch.empty_like(ORDER)
    places[ORDER] = torch.arange(COLUMNS)
    before = places.unsqueeze(0) < places[masking.target].unsqueeze(1)
    assert torch.equal(masking.observed, before.float())
    counts = torch.bincount(masking.target, minlength=COLUMNS) / ROWS
    torch.testing.assert_close(counts, torch.full((COLUMNS,), 1 / COLUMNS), rtol=0, atol=0.02)


def test_a_target_is_never_given_and_alone_counts() -> None:
    """What is asked for is hidden; the loss of every other cell weighs nothing."""
    masking = masked(generate_share=0.4, condition_share=0.6)
    rows = torch.arange(ROWS)
    assert float(masking.observed[rows, masking.target].max()) == 0
    others = masking.weight.clone()
    others[rows, masking.target] = 0
    assert float(others.abs().max()) == 0
    assert float(masking.weight[rows, masking.target].min()) >= 1


def test_conditions_may_lie_anywhere() -> None:
    """Some records are given columns that come after the target, which no record made from nothing is."""
    masking = masked(generate_share=0.0, condition_share=1.0)
    first_column_asked = masking.target == ORDER[0]
    assert float(masking.observed[first_column_asked].sum(1).max()) >= 2


def test_the_weights_estimate_the_chain_rule() -> None:
    """A loss of 1 a cell adds up to the number of columns to be made, in the mean over the records."""
    made = masked(generate_share=1.0, condition_share=0.0)
    assert float(made.weight.sum(1).mean()) == COLUMNS
    asked_at_once = masked(generate_share=0.0, condition_share=0.0, doubt_share=0.0)
    torch.testing.assert_close(asked_at_once.weight.sum(1), torch.full((ROWS,), float(COLUMNS)))
    assert bool((asked_at_once.target == COLUMNS).all())


def test_doubted_records_are_mostly_whole() -> None:
    """Repairing sees most of a record, often all of it; only where all columns are asked for is doubt."""
    masking = masked(generate_share=0.0, condition_share=0.0, doubt_share=1.0)
    assert 0.25 < float(1 - masking.observed.mean()) < 0.45
    assert float((masking.observed.sum(1) == COLUMNS).float().mean()) > 0.3
    mixed = masked(generate_share=0.4, condition_share=0.2, doubt_share=0.5)
    assert bool((mixed.target[mixed.doubt[:, 0] > 0] == COLUMNS).all())
    assert 0.17 < float(mixed.doubt.mean()) < 0.23
