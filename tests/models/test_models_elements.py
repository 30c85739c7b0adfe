"""Laws of the distribution of array elements."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from augment.data import ArrayGrid
from augment.models import Graph, Port
from augment.models.elements import ElementLaw
from augment.training.export import to_onnx
from augment.training.parity import open_session
from tests.models.encoded_tables import encoded_table

LOCATIONS, SCALES = (-2.0, -0.9, 0.1, 0.8, 3.0), (0.03, 0.2, 1.0)


def law(grid: ArrayGrid) -> ElementLaw:
    """The law of one element: a series of one."""
    layout, _ = encoded_table("arrays")
    one = replace(layout, array_shapes=((1,),), array_names=layout.array_names[:1], array_grids=(grid,))
    return ElementLaw(one)


def places() -> tuple[torch.Tensor, torch.Tensor]:
    """Every location with every scale: two of (15, 1)."""
    pairs = torch.cartesian_prod(torch.tensor(LOCATIONS), torch.tensor(SCALES))
    return pairs[:, :1], pairs[:, 1:]


def test_the_probabilities_of_all_steps_add_up_to_one() -> None:
    """Whatever the location and scale, the nine values from -1 to 1 have all of the probability."""
    found = law(ArrayGrid(-1.0, 1.0, 0.25))
    location, scale = places()
    values = torch.linspace(-1, 1, 9)
    total = sum((-found.nll(value.expand(15, 1), location, scale)).exp() for value in values)
    torch.testing.assert_close(total, torch.ones(15, 1), rtol=0, atol=1e-5)


def test_draws_put_to_their_steps_follow_the_probabilities() -> None:
    """How often each value is drawn is what the likelihood says of it, at the ends as well."""
    found = law(ArrayGrid(-1.0, 1.0, 0.25))
    uniform = torch.rand((100_000, 1), generator=torch.Generator().manual_seed(0))
    for location, scale in zip(*places(), strict=True):
        steps = (4 * found.draw(location, scale, uniform)).round()
        for value in range(-4, 5):
            wanted = float((-found.nll(torch.tensor([[value / 4]]), location, scale)).exp())
            assert float((steps == value).float().mean()) == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("spikes", [(False, False), (True, False), (True, True)])
def test_what_may_have_any_value_has_a_density_and_spikes_only_where_data_has(
    spikes: tuple[bool, bool],
) -> None:
    """The density inside, plus the probabilities of the ends that are spikes, integrate to one."""
    found = law(ArrayGrid(-1.0, 1.0, 0.0, spikes))
    location, scale = places()
    low, high = (-1.0 if spikes[0] else -60.0), (1.0 if spikes[1] else 60.0)
    inside = torch.linspace(low, high, 200_001)[1:-1]
    width = (high - low) / 200_000
    total = (-found.nll(inside.unsqueeze(1), location.T, scale.T)).exp().sum(0) * width
    for end, spike in zip((-1.0, 1.0), spikes, strict=True):
        if spike:
            total = total + (-found.nll(torch.full((1, 1), end), location.T, scale.T)).exp()[0]
    torch.testing.assert_close(total, torch.ones(15), rtol=0, atol=2e-3)


def test_gradients_are_finite_far_from_the_data() -> None:
    """Locations a thousand scales off still say which way to go."""
    found = law(ArrayGrid(-1.0, 1.0, 0.25))
    location = torch.tensor([[50.0], [-50.0]], requires_grad=True)
    scale = torch.full((2, 1), 0.05, requires_grad=True)
    torch.autograd.backward(found.nll(torch.zeros(2, 1), location, scale).sum())
    for gradient in (location.grad, scale.grad):
        assert gradient is not None
        assert bool(gradient.isfinite().all())
    assert location.grad is not None
    assert float(location.grad[0]) > 0 > float(location.grad[1])


class _Likelihood(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.law = law(ArrayGrid(-1.0, 1.0, 0.25))

    def forward(self, *inputs: Tensor) -> tuple[Tensor]:
        return (self.law.nll(*inputs),)


def test_the_likelihood_is_finite_in_onnxruntime_however_far_off() -> None:
    """Elements at an end and inside, hundreds of scales from their location on either side, as in torch."""
    ports = tuple(Port(name, "float32", 1) for name in ("elements", "location", "scale"))
    output = Port("nll", "float32", 1)
    elements = torch.tensor([-1.0, 0.0, 1.0]).repeat_interleave(3).unsqueeze(1)
    location = torch.tensor([-30.0, 0.0, 30.0]).repeat(3).unsqueeze(1)
    inputs = (elements, location, torch.full_like(elements, 0.03))
    graph = Graph("likelihood", _Likelihood(), ports, (output,))
    session = open_session(to_onnx(graph, inputs))
    (found,) = session.run(None, {port.name: part.numpy() for port, part in zip(ports, inputs, strict=True)})
    torch.testing.assert_close(torch.from_numpy(found), graph.module(*inputs)[0])
