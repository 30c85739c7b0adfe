"""Laws of the graphs that make records column by column: they compute what the maker computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from augment.models import Batch, Graph, Maker, Noise, generation_graphs
from tests.models.conftest import MAKERS
from tests.models.encoded_tables import encoded_table

if TYPE_CHECKING:
    from augment.models.distribution import RecordDistribution


LAYOUTS = [
    "mixed tables",
    "numbers of two kinds",
    "categories",
    "numbers",
    "many levels",
    "constant column",
    "all missing",
]


def made(name: str, rows: int = 40) -> tuple[Maker, Batch, dict[str, Graph]]:
    """Return a maker with weights that matter, records, and the graphs."""
    layout, encoded = encoded_table(name, rows)
    maker = MAKERS["maker"](layout, 0).eval()
    assert isinstance(maker, Maker)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in maker.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    graphs = {graph.role: graph for graph in generation_graphs(maker, layout)}
    return maker, Batch.from_encoded(encoded), graphs


@pytest.mark.parametrize("name", LAYOUTS)
@torch.no_grad()
def test_taking_in_cell_after_cell_leaves_the_state_of_all_of_them(name: str) -> None:
    """The folded table says of each cell what the first layer says of it."""
    maker, batch, graphs = made(name)
    rows, columns = batch.tokens.shape
    nothing, everything = torch.zeros(rows, columns), torch.ones(rows, columns)
    (state,) = graphs["denoiser_start"].module(batch.tokens, batch.residuals, nothing)
    for column in range(columns):
        fresh = torch.ones(rows)
        cells = (batch.tokens[:, column], batch.residuals[:, column], fresh)
        index = torch.tensor([column], dtype=torch.int32)
        (state,) = graphs["denoiser_absorb"].module(state, index, *cells)
    wanted = maker.state(batch, everything)
    torch.testing.assert_close(state, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", LAYOUTS)
@torch.no_grad()
def test_a_column_is_drawn_from_the_makers_distribution(name: str) -> None:
    """Without restrictions a draw is the one that the whole record's distribution gives, all mass allowed."""
    maker, batch, graphs = made(name)
    rows, columns = batch.tokens.shape
    observed = torch.zeros(rows, columns)
    observed[:, 0] = 1
    (state,) = graphs["denoiser_start"].module(batch.tokens, batch.residuals, observed)
    generator = torch.Generator().manual_seed(2)
    for group, head in enumerate(maker.head.groups):
        for place, column in enumerate(head.index.tolist()):
            target = torch.tensor([column], dtype=torch.int32)
            (hidden,) = graphs["denoiser_hidden"].module(state, target)
            noise = torch.rand((2, rows), generator=generator).clamp(1e-6, 1 - 1e-6)
            free = (
                torch.zeros(rows, head.shape[1]),
                torch.zeros(rows, head.shape[1]),
                torch.ones(rows, head.shape[1]),
            )
            tokens, residuals, log_mass = graphs[f"denoiser_draw_{group}"].module(
                hidden, torch.tensor([place], dtype=torch.int32), *free, *noise
            )
            record = record_of(maker, batch, observed)
            whole = record.draw(_noise(noise, columns))
            assert torch.equal(tokens, whole.tokens[:, column])
            torch.testing.assert_close(residuals, whole.residuals[:, column], rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(log_mass, torch.zeros(rows), rtol=0, atol=1e-4)


@torch.no_grad()
def test_the_residual_of_a_single_value_says_nothing() -> None:
    """A token that is one value leaves the same state whatever residual was drawn for it; a bin does not."""
    maker, batch, graphs = made("numbers of two kinds")
    rows = len(batch)
    state = torch.zeros(rows, 16)
    for column, matters in ((0, False), (1, True)):
        index = torch.tensor([column], dtype=torch.int32)
        tokens = torch.full((rows,), 3, dtype=torch.int32)
        low, high = (
            graphs["denoiser_absorb"].module(state, index, tokens, torch.full((rows,), at), torch.ones(rows))[
                0
            ]
            for at in (0.1, 0.9)
        )
        assert torch.equal(low, high) is not matters
    assert len(maker.order) == 2


@torch.no_grad()
def test_restrictions_hold_and_their_mass_is_told() -> None:
    """Only allowed tokens and places are drawn; the mass is the probability that they would be."""
    maker, batch, graphs = made("numbers", 4000)
    head = maker.head.groups[0]
    place = head.index.tolist().index(1)
    (state,) = graphs["denoiser_start"].module(batch.tokens, batch.residuals, torch.zeros(4000, 2))
    (hidden,) = graphs["denoiser_hidden"].module(state[:1].repeat(4000, 1), torch.tensor([1]))
    log_weights = torch.full((4000, head.shape[1]), -1e9)
    log_weights[:, [3, 5]] = 0
    low, high = torch.zeros(4000, head.shape[1]), torch.ones(4000, head.shape[1])
    low[:, 3], high[:, 3] = 0.3, 0.45
    noise = torch.rand((2, 4000), generator=torch.Generator().manual_seed(0)).clamp(1e-6, 1 - 1e-6)
    tokens, residuals, log_mass = graphs["denoiser_draw_0"].module(
        hidden, torch.tensor([place]), log_weights, low, high, *noise
    )
    assert set(tokens.tolist()) == {3, 5}
    inside = residuals[tokens == 3]
    assert float(inside.min()) >= 0.3
    assert float(inside.max()) <= 0.45
    observed = torch.zeros(4000, 2)
    record = record_of(maker, batch, observed)
    expected = torch.softmax(record.logits[0][0, place], dim=0)[[3, 5]].sum()
    torch.testing.assert_close(log_mass.exp(), expected.expand(4000), rtol=1e-3, atol=1e-5)


def record_of(maker: Maker, batch: Batch, observed: torch.Tensor) -> RecordDistribution:
    """Return the distributions of all columns, each asked for alone."""
    state = maker.state(batch, observed)
    return maker.distribution(state.unsqueeze(1).expand(-1, len(maker.order), -1))


def _noise(noise: torch.Tensor, columns: int) -> Noise:
    token_u, residual_u = (part.unsqueeze(1).expand(-1, columns) for part in noise)
    return Noise(token_u, residual_u, torch.zeros(len(token_u), 0))
