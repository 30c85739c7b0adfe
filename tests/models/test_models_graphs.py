"""Laws of what models export: the computations of the bundle's graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from augment.models import Batch, Cells, Denoiser, Graph, StandardNormal, Vae, denoiser_graphs, vae_graphs
from augment.models.priors import GaussianMixture
from augment.training.examples import example_inputs
from tests.models.conftest import MAKERS
from tests.models.encoded_tables import encoded_table

if TYPE_CHECKING:
    from augment.data import Layout

    Table = tuple[Layout, Batch]


def graphs_of(layout: Layout) -> tuple[Graph, ...]:
    vae, denoiser = MAKERS["vae"](layout, 0).eval(), MAKERS["denoiser"](layout, 0).eval()
    assert isinstance(vae, Vae)
    assert isinstance(denoiser, Denoiser)
    latents = torch.randn((200, 3), generator=torch.Generator().manual_seed(0))
    cells = Cells(
        torch.ones((200, len(layout.names)), dtype=torch.int32)
        .clamp(max=torch.tensor(layout.vocab_sizes) - 1)
        .int(),
        layout.vocab_sizes,
    )
    prior = GaussianMixture.fit(
        latents, components=3, generator=torch.Generator().manual_seed(0), cells=cells
    )
    return (*vae_graphs(vae, prior, layout), *denoiser_graphs(denoiser, layout))


@torch.no_grad()
def run(graph: Graph, graphs: tuple[Graph, ...], batch: Batch, seed: int = 0) -> dict[str, torch.Tensor]:
    inputs = example_inputs(graph, graphs, batch, torch.Generator().manual_seed(seed))
    return dict(zip((port.name for port in graph.outputs), graph.module(*inputs), strict=True))


def test_outputs_have_the_shapes_and_types_that_ports_tell(table: Table) -> None:
    """Each output is (N, width) of the port's type, and no float is NaN or infinite."""
    layout, batch = table
    graphs = graphs_of(layout)
    for graph in graphs:
        outputs = run(graph, graphs, batch)
        for port in graph.outputs:
            tensor = outputs[port.name]
            assert tensor.dtype == getattr(torch, port.dtype), (graph.role, port.name)
            assert ("batch", *tensor.shape[1:]) == port.shape, (graph.role, port.name)
            assert bool(tensor.isfinite().all()), (graph.role, port.name)


def test_tokens_are_in_range_and_missing_only_where_that_may_be(table: Table) -> None:
    """No graph gives a token outside its column's vocabulary, nor a missing cell where none may be."""
    layout, batch = table
    graphs = graphs_of(layout)
    sizes = torch.tensor(layout.vocab_sizes)
    for graph in graphs:
        for name, tokens in run(graph, graphs, batch).items():
            if not name.endswith("tokens"):
                continue
            assert bool(((tokens >= 0) & (tokens < sizes)).all()), graph.role
            for column, (nullable, size) in enumerate(zip(layout.nullable, layout.vocab_sizes, strict=True)):
                never_missing = size > 1 and (not nullable or graph.role == "denoise")
                assert not never_missing or int(tokens[:, column].min()) >= 1, (graph.role, column)


def test_probabilities_and_positions_are_in_the_unit_interval(table: Table) -> None:
    """Residuals, probabilities and intactness lie in [0, 1]; a cell not given is never intact."""
    layout, batch = table
    graphs = graphs_of(layout)
    for graph in graphs:
        for name, tensor in run(graph, graphs, batch).items():
            if name.endswith(("residuals", "probability", "intact")):
                assert bool(((tensor >= 0) & (tensor <= 1)).all()), (graph.role, name)
    denoise = graphs[-1]
    *records, observed = example_inputs(denoise, graphs, batch, torch.Generator().manual_seed(0))
    with torch.no_grad():
        intact = denoise.module(*records, torch.zeros_like(observed))[-1]
    assert float(intact.max()) == 0


def test_rows_do_not_influence_each_other(table: Table) -> None:
    """A row's outputs stay the same whatever rows, padding for instance, are beside it."""
    layout, batch = table
    graphs = graphs_of(layout)
    for graph in graphs:
        inputs = example_inputs(graph, graphs, batch, torch.Generator().manual_seed(1))
        padded = tuple(torch.cat([value[:5], torch.zeros_like(value[5:])]) for value in inputs)
        with torch.no_grad():
            whole, beside_padding = graph.module(*inputs), graph.module(*padded)
        for one, other in zip(whole, beside_padding, strict=True):
            torch.testing.assert_close(one[:5], other[:5], rtol=1e-4, atol=1e-5)


def test_unknown_cells_are_taken_in() -> None:
    """Token 0 in a column that is never missing (an unseen category) counts nothing in the score."""
    layout, encoded = encoded_table("mixed")
    batch = Batch.from_encoded(encoded)
    tokens = batch.tokens.clone()
    tokens[:, :2] = 0
    graphs = graphs_of(layout)
    unknown = Batch(tokens, batch.residuals, batch.arrays)
    score = next(graph for graph in graphs if graph.role == "score")
    scores = run(score, graphs, unknown)["score"]
    assert bool(scores.isfinite().all())
    assert float(scores.mean()) < float(run(score, graphs, batch)["score"].mean())


def test_arrays_of_missing_cells_are_zeros() -> None:
    """An array that comes out missing has elements 0, in samples and reconstructions; the other has not."""
    layout, encoded = encoded_table("arrays")
    layout = type(layout)(**{**vars(layout), "nullable": (True, True)})
    vae = MAKERS["vae"](layout, 0).eval()
    assert isinstance(vae, Vae)
    with torch.no_grad():
        for head in vae.head.groups:
            wanted = torch.tensor([[99.0, 0.0], [0.0, 99.0]]).index_select(0, head.index)
            head.logits.bias.copy_(wanted.flatten())
    graphs = vae_graphs(vae, StandardNormal(3), layout)
    for role in (0, 2):
        outputs = run(graphs[role], graphs, Batch.from_encoded(encoded))
        assert int(outputs["tokens"][:, 0].max()) == 0
        assert int(outputs["tokens"][:, 1].min()) == 1
        assert float(outputs["arrays"][:, :4].abs().max()) == 0
        assert float(outputs["arrays"][:, 4:].abs().min(dim=1).values.max()) > 0


@pytest.mark.parametrize("uniform", [1e-7, 0.5, 1 - 6e-8])
def test_draws_are_valid_at_the_ends_of_the_uniform(uniform: float) -> None:
    """The least and the greatest uniform number give a first and a last token, none outside."""
    layout, _ = encoded_table("mixed")
    graphs = graphs_of(layout)
    sample = graphs[0]
    inputs = [torch.full((3,) if port.width is None else (3, port.width), uniform) for port in sample.inputs]
    with torch.no_grad():
        tokens = sample.module(*inputs)[0]
    sizes = torch.tensor(layout.vocab_sizes)
    first = torch.tensor([0 if nullable else 1 for nullable in layout.nullable])
    assert bool(((tokens >= first) & (tokens < sizes)).all())
