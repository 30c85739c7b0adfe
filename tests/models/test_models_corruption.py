"""Laws of what a denoiser's training records suffer."""

from __future__ import annotations

import torch

from augment.models import Batch
from augment.models.columns import array_spans
from augment.models.corruption import Corruption, CorruptionOptions, corrupt
from tests.models.encoded_tables import encoded_table


def spoilt(rows: int = 2000, **options: float) -> tuple[Batch, Corruption]:
    layout, encoded = encoded_table("mixed", rows)
    batch = Batch.from_encoded(encoded)
    generator = torch.Generator().manual_seed(0)
    return batch, corrupt(batch, array_spans(layout), CorruptionOptions(**options), generator)


def test_intact_says_where_nothing_changed() -> None:
    """A cell is called intact exactly where its token, and its array if it has one, is as it was."""
    batch, corruption = spoilt()
    same = corruption.batch.tokens == batch.tokens
    same[:, -1] &= (corruption.batch.arrays == batch.arrays).all(1)
    assert torch.equal(corruption.intact.bool(), same)
    assert 0.02 < float((~same).float().mean()) < 0.2


def test_records_that_are_not_doubted_are_clean() -> None:
    """Where `doubt` is 0 every cell is as it was, and at least one is hidden."""
    batch, corruption = spoilt()
    sure = corruption.doubt[:, 0] == 0
    assert 0.45 < float(sure.float().mean()) < 0.55
    assert torch.equal(corruption.batch.tokens[sure], batch.tokens[sure])
    assert torch.equal(corruption.batch.arrays[sure], batch.arrays[sure])
    assert float(corruption.observed[sure].sum(1).max()) == batch.tokens.shape[1] - 1


def test_every_number_of_hidden_columns_is_as_likely() -> None:
    """Of records that are not doubted each number from 1 to C is hidden equally often, any column."""
    _, corruption = spoilt(rows=10_000, doubt_share=0.0)
    hidden = 1 - corruption.observed
    counts = torch.bincount(hidden.sum(1).long(), minlength=6)
    torch.testing.assert_close(counts[1:] / 10_000, torch.full((5,), 0.2), rtol=0, atol=0.02)
    torch.testing.assert_close(hidden.mean(0), torch.full((5,), 0.6), rtol=0, atol=0.02)


def test_doubted_records_are_mostly_whole() -> None:
    """Repairing and imputing see most of a record: few cells of doubted records are hidden."""
    _, corruption = spoilt(rows=10_000, doubt_share=1.0)
    assert 0.25 < float(1 - corruption.observed.mean()) < 0.45
    assert float((corruption.observed.sum(1) == 5).float().mean()) > 0.3


def test_nothing_is_spoilt_when_rates_are_zero() -> None:
    """With a swap rate and noise of zero the records stay as they were."""
    batch, corruption = spoilt(max_swap_rate=0.0, noise_share=0.0)
    assert torch.equal(corruption.batch.tokens, batch.tokens)
    assert torch.equal(corruption.batch.arrays, batch.arrays)
    assert float(corruption.intact.min()) == 1
