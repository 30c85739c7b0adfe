"""Laws of what a denoiser's training records suffer."""

from __future__ import annotations

import torch

from augment.models import Batch
from augment.models.columns import array_spans
from augment.models.corruption import ArrayColumns, Corruption, CorruptionOptions, corrupt
from augment.models.elements import ElementLaw
from tests.models.encoded_tables import encoded_table


def spoilt(rows: int = 2000, name: str = "mixed", **options: float) -> tuple[Batch, torch.Tensor, Corruption]:
    layout, encoded = encoded_table(name, rows)
    batch = Batch.from_encoded(encoded)
    generator = torch.Generator().manual_seed(0)
    doubt = (torch.arange(rows) % 2).float().unsqueeze(1)
    arrays = ArrayColumns(array_spans(layout), ElementLaw(layout))
    return batch, doubt, corrupt(batch, doubt, arrays, CorruptionOptions(**options), generator)


def test_intact_says_where_nothing_changed() -> None:
    """A cell is called intact exactly where its token, and its array if it has one, is as it was."""
    batch, _, corruption = spoilt()
    same = corruption.batch.tokens == batch.tokens
    same[:, -1] &= (corruption.batch.arrays == batch.arrays).all(1)
    assert torch.equal(corruption.intact.bool(), same)
    assert 0.02 < float((~same).float().mean()) < 0.2


def test_records_that_are_not_doubted_are_clean() -> None:
    """Where `doubt` is 0 every cell is as it was."""
    batch, doubt, corruption = spoilt()
    sure = doubt[:, 0] == 0
    assert torch.equal(corruption.batch.tokens[sure], batch.tokens[sure])
    assert torch.equal(corruption.batch.arrays[sure], batch.arrays[sure])
    assert float(corruption.intact[sure].min()) == 1


def test_nothing_is_spoilt_when_rates_are_zero() -> None:
    """With a swap rate and noise of zero the records stay as they were."""
    batch, _, corruption = spoilt(max_swap_rate=0.0, noise_share=0.0)
    assert torch.equal(corruption.batch.tokens, batch.tokens)
    assert torch.equal(corruption.batch.arrays, batch.arrays)
    assert float(corruption.intact.min()) == 1


def test_arrays_suffer_noise_salt_and_pepper_and_masks() -> None:
    """Some images are noisy nearly everywhere, cut off at the ends or not; others have elements at the ends.

    Or, masked, at the lower one alone.
    """
    batch, _, corruption = spoilt(name="an image and a series", max_swap_rate=0.0)
    before, after = batch.arrays[:, :72], corruption.batch.arrays[:, :72]
    hit = before != after
    some = hit.any(1)
    assert 0.4 < float(some.float().mean()) < 0.48  # 90 % of the half that is doubted
    noisy = hit.float().mean(1) > 0.6
    assert 0.5 < float(noisy[some].float().mean()) < 0.7
    beyond = (after.abs() > 1).any(1)
    assert 0.3 < float(beyond[noisy].float().mean()) < 0.6
    rest = some & ~noisy & ~beyond
    at_ends = ((after.abs() == 1) | ~hit).all(1)
    pepper = (hit & (after == 1)).any(1)
    peppered = float((rest & at_ends & pepper).sum() / (rest & at_ends).sum())
    assert float(at_ends[rest].float().mean()) > 0.95
    assert 0.35 < peppered < 0.65
