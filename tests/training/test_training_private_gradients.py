"""The gradients of DP-SGD: bounded, each record's own, and under as much noise as the accountant counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from augment.models import Batch, Maker, MakerOptions
from augment.training.privacy import Mechanism
from augment.training.private_gradients import PrivateGradients, row_gradients, start_apart
from augment.training.secret_noise import PoissonOrder, secret_normal, secret_uniform
from tests.models.conftest import MAKERS
from tests.models.encoded_tables import encoded_table

if TYPE_CHECKING:
    from augment.data import Layout
    from augment.models import Trainable

CASES = [
    (maker, table)
    for maker in ("vae", "maker", "denoiser")
    for table in ("mixed", "mixed tables", "many levels", "constant column")
    if maker != "maker" or table != "mixed"
]


def made(maker: str, table: str) -> tuple[Trainable, Layout, Batch]:
    """Return a model and 64 records."""
    layout, encoded = encoded_table(table)
    model = MAKERS[maker](layout, 0).train()
    start_apart(model, torch.Generator().manual_seed(0))
    return model, layout, Batch.from_encoded(encoded)


def generator(seed: int = 3) -> torch.Generator:
    """Return a source of noise."""
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("maker", "table"), CASES)
def test_a_row_has_the_gradient_of_a_batch_of_it(maker: str, table: str) -> None:
    """Vmap computes what autograd does for one record, by the same noise."""
    model, _, records = made(maker, table)
    one = records.rows(torch.tensor([5]))
    rows, losses = row_gradients(model, one, generator(), 0.5)
    total = model.loss(one, generator(), progress=0.5).total
    model.zero_grad()
    torch.autograd.backward(total)
    assert torch.allclose(losses["total"][0], total, rtol=1e-4)
    for name, parameter in model.named_parameters():
        wanted = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        assert torch.allclose(rows[name][0], wanted, rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize(("maker", "table"), CASES)
def test_no_record_has_a_say_in_anothers_gradient(maker: str, table: str) -> None:
    """Whoever else is in the batch, a record's gradient stays: one record moves one term of the sum."""
    model, _, records = made(maker, table)
    first = row_gradients(model, records.rows(torch.tensor([0, 1, 2])), generator(), 1.0)[0]
    second = row_gradients(model, records.rows(torch.tensor([0, 40, 63])), generator(), 1.0)[0]
    for name, rows in first.items():
        assert torch.allclose(rows[0], second[name][0], rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize(("maker", "table"), CASES)
@pytest.mark.parametrize("bound", [0.01, 1e6])
def test_a_record_adds_no_more_than_the_bound(maker: str, table: str, bound: float) -> None:
    """Alone each is shortened to the bound, or left as it is where it is shorter."""
    model, _, records = made(maker, table)
    private = PrivateGradients(model, Mechanism(1.0, 0.1, bound), rows=64)
    for row in range(8):
        one = records.rows(torch.tensor([row]))
        summed, _ = private.clipped_sum(one, generator(), 1.0)
        own = row_gradients(model, one, generator(), 1.0)[0]
        whole = float(torch.cat([part.flatten() for part in own.values()]).norm())
        length = float(torch.cat([part.flatten() for part in summed.values()]).norm())
        assert length == pytest.approx(min(whole, bound), rel=1e-3)


def test_a_row_without_a_gradient_adds_nothing() -> None:
    """An infinite number in one record spoils neither the sum nor the other records' part of it."""
    model, _, records = made("vae", "mixed")
    private = PrivateGradients(model, Mechanism(1.0, 0.1, 1.0), rows=64)
    arrays = records.arrays.clone()
    arrays[0] = torch.inf
    spoilt = Batch(records.tokens, records.residuals, arrays).rows(torch.tensor([1, 0]))
    summed, _ = private.clipped_sum(spoilt, generator(), 1.0)
    length = float(torch.cat([part.flatten() for part in summed.values()]).norm())
    assert 0 < length <= 1 + 1e-4


def test_chunks_add_up_to_the_sum_over_all() -> None:
    """Rows at once are a matter of memory: without noise in the loss, one by one gives the same sum."""
    layout, encoded = encoded_table("categories")
    model = Maker(layout, MakerOptions(hidden=16, dropout=0.0, condition_share=0.0), generator()).train()
    records = Batch.from_encoded(encoded).rows(torch.arange(9))
    private = PrivateGradients(model, Mechanism(1.0, 0.1, 1.0), rows=64)
    at_once, _ = private.clipped_sum(records, generator(), 1.0)
    private._rows_at_once = 1
    one_by_one, _ = private.clipped_sum(records, generator(), 1.0)
    for name, summed in at_once.items():
        assert torch.allclose(summed, one_by_one[name], rtol=1e-3, atol=1e-5), name


def test_noise_is_as_wide_as_was_counted() -> None:
    """Of an empty batch the gradient is noise alone: multiplier times bound, over the expected rows."""
    model, _, records = made("vae", "mixed")
    private = PrivateGradients(
        model, Mechanism(noise_multiplier=2.0, sample_rate=0.25, max_grad_norm=3.0), 80
    )
    private.put(records.rows(torch.tensor([], dtype=torch.int64)), generator(), 0.0)
    first = [parameter.grad for parameter in model.parameters()]
    noise = torch.cat([one.flatten() for one in first if one is not None])
    assert len(noise) == sum(parameter.numel() for parameter in model.parameters())
    assert float(noise.std()) == pytest.approx(2 * 3 / 20, rel=0.05)
    assert abs(float(noise.mean())) < 5 * 0.3 / len(noise) ** 0.5
    private.put(records.rows(torch.tensor([], dtype=torch.int64)), generator(), 0.0)
    again = torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])
    assert not torch.equal(noise, again), "the same seed must not give the same noise"


def test_secret_numbers_are_distributed_as_they_should() -> None:
    """Means and variances of 20,000 numbers; no end of (0, 1) among them; odd counts too."""
    uniform, normal = secret_uniform(20_000), secret_normal(20_001)
    assert len(normal) == 20_001
    assert 0 < float(uniform.min()) < float(uniform.max()) < 1
    assert float(uniform.mean()) == pytest.approx(0.5, abs=0.015)
    assert float(normal.std()) == pytest.approx(1, abs=0.03)
    assert abs(float(normal.mean())) < 0.04
    assert float((normal.abs() > 1.96).double().mean()) == pytest.approx(0.05, abs=0.01)


def test_each_record_is_in_a_batch_by_its_own_chance() -> None:
    """Poisson's sampling: sizes vary as a binomial's, and no record comes more often than others."""
    order = PoissonOrder(400, 0.2, torch.device("cpu"))
    batches = [order.following() for _ in range(400)]
    sizes = torch.tensor([float(len(batch)) for batch in batches])
    often = torch.bincount(torch.cat(batches), minlength=400).double()
    assert float(sizes.mean()) == pytest.approx(80, abs=3)
    assert float(sizes.std()) == pytest.approx((400 * 0.2 * 0.8) ** 0.5, rel=0.25)
    assert float(often.min()) > 80 - 6 * 8
    assert float(often.max()) < 80 + 6 * 8
