"""Laws of records drawn in stages: later columns hear those that were drawn before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from augment.models import Batch, Vae
from augment.models.distribution import Noise
from augment.models.staged import StagedHead, drawn, given
from tests.models.conftest import MAKERS, in_two_stages
from tests.models.encoded_tables import encoded_table

if TYPE_CHECKING:
    from augment.data import Layout

WIDTH = 32


def noise_for(layout: Layout, rows: int, seed: int = 0) -> Noise:
    generator = torch.Generator().manual_seed(seed)
    token_u, residual_u = (
        torch.rand((rows, len(layout.names)), generator=generator).clamp(min=1e-6) for _ in range(2)
    )
    return Noise(token_u, residual_u, torch.rand((rows, layout.array_width), generator=generator))


def head_for(layout: Layout, stages: tuple[tuple[int, ...], ...]) -> StagedHead:
    return StagedHead(layout, WIDTH, stages=stages, blur=0.0, generator=torch.Generator().manual_seed(0))


def test_only_later_stages_hear_a_token() -> None:
    """Another token in a column changes the likelihood of later columns, not that of its own stage."""
    layout, encoded = encoded_table("mixed tables")
    batch = Batch.from_encoded(encoded)
    first, second = in_two_stages(layout)
    head, hidden = head_for(layout, (first, second)), torch.zeros((len(batch), WIDTH))
    heard = batch.tokens.clone()
    heard[:, first[0]] = (heard[:, first[0]] + 1) % layout.vocab_sizes[first[0]]
    one, other = (head(hidden, given(tokens)).nll(batch) for tokens in (batch.tokens, heard))
    assert not torch.equal(one[:, list(second)], other[:, list(second)])
    tokens_alone = [column for column in first if not layout.wide[column].any()]
    assert torch.equal(one[:, tokens_alone], other[:, tokens_alone])


def test_what_is_drawn_is_heard(table: tuple[Layout, Batch]) -> None:
    """Records are a draw of the very distribution that says how likely they are."""
    layout, _ = table
    vae = MAKERS["vae"](layout, 0).eval()
    assert isinstance(vae, Vae)
    latent, noise = torch.randn((64, 3), generator=torch.Generator().manual_seed(1)), noise_for(layout, 64)
    with torch.no_grad():
        records = vae.draw(latent, noise)
        again = vae.likely(latent, records).draw(noise)
        decoded = vae.decode(latent).records
        settled = vae.likely(latent, decoded).best(missing=True).records
    for made, same in ((records, again), (decoded, settled)):
        assert torch.equal(made.tokens, same.tokens)
        assert torch.equal(made.residuals, same.residuals)
        assert torch.equal(made.arrays, same.arrays)


@pytest.mark.parametrize("staged", [True, False])
def test_stages_keep_together_what_belongs_together(staged: bool) -> None:  # noqa: FBT001 - a case
    """Equal columns are drawn equal in stages of their own, else by chance: hidden states say nothing."""
    layout, encoded = encoded_table("mixed tables", rows=512)
    batch = Batch.from_encoded(encoded)
    one, two = twins(layout)
    batch.tokens[:, two] = batch.tokens[:, one].clamp(1, layout.vocab_sizes[two] - 1)
    batch.tokens[:, one] = batch.tokens[:, two]
    rest = tuple(column for column in range(len(layout.names)) if column not in (one, two))
    head = head_for(layout, ((one, *rest), (two,)) if staged else ((one, two, *rest),))
    hidden, optimizer = torch.zeros((len(batch), WIDTH)), torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(300):
        optimizer.zero_grad()
        torch.autograd.backward(head(hidden, given(batch.tokens)).nll(batch).sum(1).mean())
        optimizer.step()
    noise = noise_for(layout, len(batch), seed=2)
    tokens = head(hidden, drawn(noise)).draw(noise).tokens
    equal = float((tokens[:, one] == tokens[:, two]).float().mean())
    assert (equal > 0.85) if staged else (equal < 0.5)


def twins(layout: Layout) -> tuple[int, int]:
    """Return two columns with the most tokens."""
    by_size = sorted(range(len(layout.names)), key=lambda i: -layout.vocab_sizes[i])
    return by_size[0], by_size[1]
