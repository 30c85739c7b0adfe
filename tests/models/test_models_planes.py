"""Laws of arrays seen as planes, and of their encoders and decoders."""

from __future__ import annotations

import pytest
import torch

from augment.models.convolution import Convolution, Widening
from augment.models.planes import planes_of

SHAPES = [(8, 8), (28, 28), (9, 30), (140,), (33,), (3, 32, 20), (32, 20, 3), (64, 2), (2, 64)]


@pytest.mark.parametrize("shape", SHAPES)
def test_folding_undoes_unfolding(shape: tuple[int, ...]) -> None:
    """Whatever the sides and wherever the channels are, the array comes back element by element."""
    planes = planes_of(shape)
    assert planes is not None
    flat = torch.arange(2 * torch.Size(shape).numel()).reshape(2, -1).float()
    unfolded = planes.unfold(flat)
    assert unfolded.shape == (2, planes.channels, *planes.padded)
    assert all(side % (1 << planes.halvings) == 0 for side in planes.padded)
    assert torch.equal(planes.fold(unfolded), flat)


def test_channels_are_taken_from_either_end() -> None:
    """A colour image keeps its colours apart, whether they come first or last."""
    first, last = planes_of((3, 16, 16)), planes_of((16, 16, 3))
    assert first is not None
    assert last is not None
    image = torch.rand((1, 3, 16, 16))
    assert torch.equal(first.unfold(image.flatten(1)), image)
    assert torch.equal(last.unfold(image.movedim(1, -1).flatten(1)), image)


@pytest.mark.parametrize("shape", [(4,), (31,), (7, 7), (2, 3, 4, 5), (5, 5, 5)])
def test_small_and_odd_shapes_are_numbers_in_no_order(shape: tuple[int, ...]) -> None:
    """No convolution is made where there are too few neighbours."""
    assert planes_of(shape) is None


@pytest.mark.parametrize("sides", [(12,), (12, 8)])
def test_halving_and_doubling_change_the_sides_alone(sides: tuple[int, ...]) -> None:
    """A convolution keeps the sides, one of stride 2 halves them, a widening doubles them."""
    generator = torch.Generator().manual_seed(0)
    planes = torch.rand((2, 3, *sides))
    assert Convolution(3, 5, sides, generator)(planes).shape == (2, 5, *sides)
    half = Convolution(3, 5, sides, generator, stride=2)
    halved = half(planes)
    assert halved.shape == (2, 5, *(side // 2 for side in sides))
    assert Widening(5, 3, tuple(halved.shape[2:]), generator)(halved).shape == planes.shape
    assert half.multiply_adds == half.weight.numel() * halved[0, 0].numel()
