"""Laws of weights that lie in one tensor."""

from __future__ import annotations

import torch

from augment.training.averaging import copy_weights
from augment.training.flat_weights import FlatWeights
from tests.models.conftest import MAKERS
from tests.models.encoded_tables import encoded_table


def test_weights_and_gradients_are_parts_of_one_tensor_until_released() -> None:
    """What happens to the tensor happens to the model; released parameters keep the values and no more."""
    model = MAKERS["vae"](encoded_table("mixed tables")[0], 0)
    before = copy_weights(model)
    flat = FlatWeights(model)
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
    torch.autograd.backward(torch.stack([2 * parameter.sum() for parameter in model.parameters()]).sum())
    assert flat.all.grad is not None
    assert float(flat.all.grad.sum()) == 2 * sum(parameter.numel() for parameter in model.parameters())
    torch.optim.SGD([flat.all], lr=0.5).step()
    assert all(torch.equal(a - 1, b) for a, b in zip(before, model.parameters(), strict=True))
    flat.zero_grad()
    assert not any(
        bool(parameter.grad.any()) for parameter in model.parameters() if parameter.grad is not None
    )
    flat.release()
    with torch.no_grad():
        flat.all.zero_()
    assert all(torch.equal(a - 1, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())
