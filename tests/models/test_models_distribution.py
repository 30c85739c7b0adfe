"""Laws of the distributions that heads give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from augment.models import Batch, Noise
from augment.models.blur import blurred_targets
from augment.models.categorical import count_below
from augment.models.columns import column_groups
from augment.models.heads import RecordHead
from tests.models.encoded_tables import TABLES, encoded_table


def head_and_batch(name: str, rows: int = 64, blur: float = 0.0) -> tuple[RecordHead, Batch]:
    layout, encoded = encoded_table(name, rows)
    generator = torch.Generator().manual_seed(0)
    return RecordHead(layout, 8, blur=blur, generator=generator).eval(), Batch.from_encoded(encoded)


@torch.no_grad()
def test_draws_follow_the_likelihood() -> None:
    """How often tokens are drawn is what `nll` says of them; arrays have mean and scale as said."""
    head, batch = head_and_batch("mixed")
    hidden = torch.randn((1, 8), generator=torch.Generator().manual_seed(1)).expand(20_000, 8)
    generator = torch.Generator().manual_seed(2)
    columns, elements = batch.tokens.shape[1], batch.arrays.shape[1]
    noise = Noise(
        torch.rand((20_000, columns), generator=generator),
        torch.rand((20_000, columns), generator=generator),
        torch.rand((20_000, elements), generator=generator),
    )
    distribution = head(hidden)
    drawn = distribution.draw(noise)
    for column in range(columns - 1):
        value, count = torch.unique(drawn.tokens[:, column], return_counts=True)
        tokens = drawn.tokens[:1].repeat(len(value), 1)
        tokens[:, column] = value
        told = head(hidden[: len(value)]).nll(
            Batch(tokens, drawn.residuals[: len(value)], drawn.arrays[: len(value)])
        )
        probability = (-told[:, column]).exp()
        torch.testing.assert_close(count / 20_000, probability, rtol=0, atol=0.015)
        assert float(probability.sum()) == pytest.approx(1, abs=0.01)
    deviation = distribution.scale[0] * torch.pi / 3**0.5
    torch.testing.assert_close(drawn.arrays.mean(0), distribution.mean[0], rtol=0, atol=0.05)
    torch.testing.assert_close(drawn.arrays.std(0), deviation, rtol=0.05, atol=0)


@torch.no_grad()
def test_array_likelihood_is_the_logistic_density() -> None:
    """An array's loss is that of independent logistic elements, and lies in its own column."""
    head, batch = head_and_batch("mixed")
    distribution = head(torch.randn((64, 8), generator=torch.Generator().manual_seed(3)))
    elsewhere = Batch(batch.tokens, batch.residuals, batch.arrays + 1)
    told = distribution.nll(elsewhere) - distribution.nll(batch)
    far = [(arrays - distribution.mean) / distribution.scale for arrays in (elsewhere.arrays, batch.arrays)]
    density = [z + 2 * torch.nn.functional.softplus(-z) for z in far]
    torch.testing.assert_close(told[:, -1], (density[0] - density[1]).sum(1), rtol=1e-4, atol=1e-3)
    assert float(told[:, :-1].abs().max()) == 0


@torch.no_grad()
def test_the_best_token_is_the_median_or_the_mode() -> None:
    """Ordered columns give the token where the draws' cumulative share passes 1/2, others the commonest."""
    head, batch = head_and_batch("mixed")
    distribution = head(3 * torch.randn((1, 8), generator=torch.Generator().manual_seed(4)))
    best = distribution.best(missing=False).records.tokens[0]
    for place, categorical in enumerate(distribution.heads):
        logits = distribution.logits[place][0]
        for row, column in enumerate(categorical.index.tolist()):
            values = torch.softmax(logits[row, 1:], dim=0)
            median = int((values.cumsum(0) < 0.5).sum()) + 1
            wanted = median if categorical.ordered else int(values.argmax()) + 1
            assert int(best[column]) == wanted
    assert batch.tokens.shape[1] == len(best)


@torch.no_grad()
def test_missing_comes_out_only_where_it_is_likelier() -> None:
    """With `missing`, a nullable cell is missing where that outweighs the values; without it never."""
    head, batch = head_and_batch("mixed")
    for categorical in head.groups:
        bias = torch.zeros(categorical.shape)
        bias[:, 0] = 20.0
        categorical.logits.bias.copy_(bias.flatten())
    distribution = head(torch.zeros((2, 8)))
    best = distribution.best(missing=True)
    assert best.records.tokens[0].tolist()[2:4] == [0, 0]
    assert int(best.records.tokens[0, :2].min()) >= 1
    assert float(best.probability[:, 2:4].min()) > 0.99
    assert float(best.records.residuals[:, 2:4].mean()) == 0.5
    assert int(distribution.best(missing=False).records.tokens.min()) >= 1
    assert batch.tokens.shape[1] == 5


@pytest.mark.parametrize("name", TABLES)
def test_groups_hold_each_column_once_and_kinds_apart(name: str) -> None:
    """Every column is in one group, and no group mixes ordered columns with others."""
    layout, _ = encoded_table(name)
    groups = column_groups(layout)
    assert sorted(column for group in groups for column in group) == list(range(len(layout.names)))
    for group in groups:
        assert len({layout.ordered[column] for column in group}) == 1
        sizes = [layout.vocab_sizes[column] for column in group]
        assert max(sizes) <= 16 or min(sizes) * 2 >= max(sizes)


def test_blurring_keeps_the_frequencies_and_what_is_missing() -> None:
    """Blurred targets are distributions near the token, and what one token gives another gives back."""
    layout, _ = encoded_table("numbers", rows=400)
    targets = blurred_targets(layout, (1,), 0.05)
    assert targets is not None
    torch.testing.assert_close(targets.sum(2), torch.ones(1, 49))
    assert float(targets[0, 0, 0]) == 1
    assert float(targets[0, 1:, 0].max()) == 0
    weighed = np.arange(49) @ targets[0].numpy().T
    assert np.abs(weighed - np.arange(49))[1:].max() < 4
    frequency = torch.from_numpy(layout.frequencies[1])[1:]
    kept = (frequency / frequency.sum()) @ targets[0, 1:, 1:]
    assert float((kept - frequency / frequency.sum()).abs().sum()) < 0.1


def test_narrow_blur_is_no_blur() -> None:
    """Where rows are many the blur reaches no neighbour, and nothing is stored."""
    layout, _ = encoded_table("numbers")
    assert blurred_targets(layout, (0, 1), 1e-4) is None


@torch.no_grad()
def test_blur_makes_a_near_miss_cheaper() -> None:
    """In training the neighbour of the right bin costs less than a far one; in judging it does not."""
    layout, encoded = encoded_table("numbers")
    head = RecordHead(layout, 8, blur=0.1, generator=torch.Generator().manual_seed(0))
    ordered = head.groups[-1]
    logits = torch.zeros((1, *ordered.shape))
    logits[:, 0, 6] = 5.0
    tokens = torch.from_numpy(encoded.tokens[:1]).clone()
    losses = {}
    for token in (5, 1):
        tokens[0, int(ordered.index[0])] = token
        losses[token] = [float(ordered.nll(logits, tokens, blur=blur)[0, 0]) for blur in (True, False)]
    assert losses[5][0] < losses[1][0]
    assert losses[5][1] == pytest.approx(losses[1][1])


@pytest.mark.parametrize("vocabulary", [1, 5, 32, 33, 49, 100, 121, 500])
def test_drawing_in_two_steps_is_drawing_in_one(vocabulary: int) -> None:
    """Whatever the size of the vocabulary, the token is the first whose cumulative probability is reached."""
    generator = torch.Generator().manual_seed(vocabulary)
    logits = 3 * torch.randn((400, 2, vocabulary), generator=generator)
    logits[:, :, 0] = -1e9 if vocabulary > 1 else 0.0
    probabilities = torch.softmax(logits, dim=2)
    uniform = torch.rand((400, 2, 1), generator=generator).clamp(min=1e-6, max=1 - 1e-6)
    wanted = (probabilities.double().cumsum(2) < uniform).sum(2).clamp(max=vocabulary - 1)
    found = count_below(probabilities, uniform).clamp(max=vocabulary - 1)
    assert float((found == wanted).float().mean()) > 0.995
    assert vocabulary == 1 or int(found.min()) > 0
