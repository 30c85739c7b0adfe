"""Laws that hold for every model on every layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from augment.models import Batch
from tests.models.encoded_tables import encoded_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from augment.data import Layout
    from augment.models import Trainable

    Make = Callable[[Layout, int], Trainable]
    Table = tuple[Layout, Batch]


def generator(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_loss_is_a_finite_scalar_with_named_parts(make: Make, table: Table) -> None:
    """Whatever the layout, the loss and each of its parts is one finite number."""
    layout, batch = table
    losses = make(layout, 0).loss(batch, generator())
    for part in (losses.total, *losses.parts.values()):
        assert part.shape == ()
        assert bool(part.isfinite())
    assert len(losses.parts) >= 2
    assert not any(part.requires_grad for part in losses.parts.values())


def test_every_parameter_gets_a_gradient(make: Make, table: Table) -> None:
    """No parameter is left out of the loss."""
    layout, batch = table
    model = make(layout, 0)
    for seed in range(4):  # what is hidden and spoilt is random
        torch.autograd.backward(model.loss(batch, generator(seed)).total)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name


@pytest.mark.parametrize("name", ["mixed", "mixed tables"])
def test_no_parameter_is_without_effect(make: Make, name: str) -> None:
    """On records of every kind the gradient of each parameter is nonzero somewhere."""
    layout, encoded = encoded_table(name, rows=256)
    model = make(layout, 0)
    losses = [model.loss(Batch.from_encoded(encoded), generator(seed)).total for seed in range(3)]
    torch.autograd.backward(torch.stack(losses).sum())
    for which, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert float(parameter.grad.abs().max()) > 0, which


def test_the_seed_decides_the_weights(make: Make, table: Table) -> None:
    """The same seed gives the same weights to the bit, another seed others."""
    layout, _ = table
    first, again, other = (list(make(layout, seed).parameters()) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_no_model_touches_the_global_generator(make: Make, table: Table) -> None:
    """Making a model and computing its loss leave torch's global random state as it was."""
    layout, batch = table
    before = torch.random.get_rng_state()
    make(layout, 0).train().loss(batch, generator())
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_seed_decides_the_loss(make: Make, table: Table) -> None:
    """All noise comes from the generator: the same seed gives the same loss to the bit."""
    layout, batch = table
    model = make(layout, 0).train()
    assert torch.equal(model.loss(batch, generator(1)).total, model.loss(batch, generator(1)).total)


def test_a_few_steps_lower_the_loss(make: Make, table: Table) -> None:
    """Gradient descent on the loss makes the loss smaller, with the noise held fixed."""
    layout, batch = table
    model = make(layout, 0).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    first = float(model.loss(batch, generator()).total.detach())
    for _ in range(15):
        optimizer.zero_grad()
        torch.autograd.backward(model.loss(batch, generator()).total)
        optimizer.step()
    independent = len(layout.names) == 1 or max(layout.vocab_sizes) <= 2  # known from the start
    slack = 1e-3 if independent else 0.0
    assert float(model.loss(batch, generator()).total.detach()) < first + slack
