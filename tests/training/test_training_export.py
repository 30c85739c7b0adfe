"""Laws of export: what onnxruntime runs is what torch computes, and the file is fit for a bundle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from augment.bundle.graph_scan import scan_graph
from augment.errors import ExportError
from augment.models import (
    Batch,
    Cells,
    Denoiser,
    Graph,
    LatentFlow,
    Port,
    Prior,
    StandardNormal,
    Vae,
    denoiser_graphs,
    vae_graphs,
)
from augment.models.priors import GaussianMixture
from augment.training.examples import example_inputs
from augment.training.export import to_onnx
from augment.training.exported import ExportedGraphs, export_graphs
from augment.training.parity import check_parity, open_session, run_session
from tests.models.conftest import MAKERS
from tests.models.encoded_tables import encoded_table

if TYPE_CHECKING:
    from torch import Tensor

ALL = ("vae_sample", "encode", "decode", "score", "complete", "denoise")
ROLES = {
    "mixed": ALL,
    "an image and a series": ("encode", "denoise"),
    "constant column": ("encode", "decode"),
    "all missing": ("vae_sample", "denoise"),
}
"""What is exported of which layout: tracing takes seconds a graph."""

CASES = [
    *(pytest.param(item, id=item[0]) for item in ROLES.items()),
    pytest.param(("an image and a series", ALL), id="arrays whole", marks=pytest.mark.slow),
]


@dataclass(frozen=True)
class Case:
    """Graphs of one layout, records to try them on, and their files."""

    graphs: list[Graph]
    batch: Batch
    exported: ExportedGraphs


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Graphs of a layout, exported and checked at batch sizes 1, 7 and 32."""
    name, roles = request.param
    layout, encoded = encoded_table(name)
    batch = Batch.from_encoded(encoded)
    vae, denoiser = MAKERS["vae"](layout, 0).eval(), MAKERS["denoiser"](layout, 0).eval()
    assert isinstance(vae, Vae)
    assert isinstance(denoiser, Denoiser)
    with torch.no_grad():
        latents = vae.encode(batch).mean
    cells = Cells(batch.tokens, layout.vocab_sizes)
    mixture = GaussianMixture.fit(
        latents, components=3, generator=torch.Generator().manual_seed(0), cells=cells
    )
    flow = LatentFlow(layout, torch.zeros(3), torch.ones(3), torch.Generator().manual_seed(0)).eval()
    priors: dict[str, Prior] = {"mixed": mixture, "an image and a series": flow}
    prior = priors.get(name, StandardNormal(3))
    graphs = [*vae_graphs(vae, prior, layout), *denoiser_graphs(denoiser, layout)]
    graphs = [graph for graph in graphs if graph.role in roles]
    return Case(graphs, batch, export_graphs(graphs, batch, block_rows=32, seed=0))


def test_every_graph_is_exported_with_a_golden_case(case: Case) -> None:
    """There is a file and a golden case of each role, and the case is what onnxruntime answers."""
    assert list(case.exported.graphs) == [graph.role for graph in case.graphs]
    assert [golden.graph for golden in case.exported.golden] == list(case.exported.graphs)
    for golden in case.exported.golden:
        session = open_session(case.exported.graphs[golden.graph])
        answers = session.run(list(golden.outputs), dict(golden.inputs))
        for answer, recorded in zip(answers, golden.outputs.values(), strict=True):
            np.testing.assert_array_equal(answer, recorded)


def test_the_bundle_takes_every_file(case: Case) -> None:
    """The bundle's own scan finds nothing unsafe, and inputs and outputs as the ports tell."""
    for graph in case.graphs:
        signature = scan_graph(case.exported.graphs[graph.role])
        for ports, found in ((graph.inputs, signature.inputs), (graph.outputs, signature.outputs)):
            assert [(port.name, port.dtype, port.shape) for port in ports] == [
                (info.name, info.dtype, tuple(info.shape)) for info in found
            ]


def test_no_file_tells_of_the_machine_that_made_it(case: Case) -> None:
    """No paths or stack traces are left in the file."""
    for onnx_bytes in case.exported.graphs.values():
        model = onnx.load_from_string(onnx_bytes)
        assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
        assert b".py" not in onnx_bytes


def test_a_block_of_any_size_gives_the_same_rows(case: Case) -> None:
    """A row's answer by onnxruntime does not depend on the rows beside it."""
    for graph in case.graphs:
        session = open_session(case.exported.graphs[graph.role])
        inputs = example_inputs(graph, case.graphs, case.batch, torch.Generator().manual_seed(2))
        whole = run_session(session, graph, inputs)
        part = run_session(session, graph, [value[:3] for value in inputs])
        for name, values in part.items():
            np.testing.assert_allclose(values, whole[name][:3], rtol=1e-4, atol=1e-4)


_ONE = Port("x", "float32", 2)


class Affine(nn.Module):
    """`x * slope`, of which another slope makes another model."""

    def __init__(self, slope: float = 2.0) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, *x: Tensor) -> tuple[Tensor]:
        """Return one tensor."""
        return (x[0] * self.slope,)


class Tokens(Affine):
    """Two columns of tokens."""

    def forward(self, *x: Tensor) -> tuple[Tensor]:
        """Return one tensor."""
        return ((x[0] * self.slope).int(),)


class Random(Affine):
    """Noise from inside."""

    def forward(self, *x: Tensor) -> tuple[Tensor]:
        """Return one tensor."""
        return (x[0] + torch.randn_like(x[0]),)


class Untranslated(Affine):
    """Operators that torch translates to ONNX after taking them apart, or not at all."""

    def forward(self, *x: Tensor) -> tuple[Tensor]:
        """Return one tensor."""
        inside = ((x[0] > -1) & (x[0] < 1)) | (x[0] == 3)
        falling = torch.rsub(x[0], self.slope, alpha=3.0) - (1 - x[0].to(torch.int64))
        spread = functional.conv_transpose2d(x[0].square()[:, None, None], torch.full((1, 1, 1, 1), 0.5))
        return (torch.where(inside, falling, spread[:, 0, 0]),)


def one(module: nn.Module, **changes: Any) -> Graph:
    graph = Graph("affine", module, (_ONE,), (Port("y", "float32", 2),))
    return replace(graph, **changes)


def test_a_graph_that_computes_something_else_is_refused() -> None:
    """The error names graph, output, batch size and the worst difference."""
    inputs = (torch.ones(4, 2),)
    session = open_session(to_onnx(one(Affine(2.0)), inputs))
    check_parity(session, one(Affine(2.0)), inputs)
    with pytest.raises(ExportError, match=r"affine: output y must match.*difference of 1 at batch size 4"):
        check_parity(session, one(Affine(3.0)), inputs)


def test_operators_without_a_translation_compute_the_same() -> None:
    """Those of our own table, and one that is taken apart."""
    inputs = (torch.tensor([[0.5, -3.0], [3.0, 1.0], [-0.25, 7.0], [0.0, -1.0]]),)
    graph = one(Untranslated(2.5))
    check_parity(open_session(to_onnx(graph, inputs)), graph, inputs)


def test_a_graph_with_other_tokens_is_refused() -> None:
    """So is one whose tokens differ in more than a thousandth of the cells."""
    ports = (Port("y", "int32", 2),)
    inputs = (torch.ones(4, 2),)
    session = open_session(to_onnx(one(Tokens(2.0), outputs=ports), inputs))
    with pytest.raises(ExportError, match="8 of 8 different at batch size 4"):
        check_parity(session, one(Tokens(5.0), outputs=ports), inputs)


def test_one_record_may_be_drawn_otherwise() -> None:
    """What is drawn after one of two equally likely tokens hears another: in one record, not in two."""
    ports = (Port("y", "int32", 2),)
    inputs = (torch.ones(4, 2),)
    session = open_session(to_onnx(one(Tokens(2.0), outputs=ports), inputs))
    inputs[0][1:] = 0
    check_parity(session, one(Tokens(5.0), outputs=ports), inputs)
    inputs[0][1] = 1
    with pytest.raises(ExportError, match="4 of 8 different at batch size 4"):
        check_parity(session, one(Tokens(5.0), outputs=ports), inputs)
    with pytest.raises(ExportError, match="2 of 2 different at batch size 1"):
        check_parity(session, one(Tokens(5.0), outputs=ports), (torch.ones(1, 2),))


def test_few_positions_may_round_otherwise() -> None:
    """A quotient of small numbers magnifies rounding: a thousandth of the positions may differ, no more."""
    graph = one(Affine(2.0), outputs=(Port("residuals", "float32", 2),))
    inputs = (torch.ones(1000, 2),)
    session = open_session(to_onnx(graph, inputs))
    inputs[0][:1] = torch.nan
    check_parity(session, graph, inputs)
    inputs[0][:2] = torch.nan
    with pytest.raises(ExportError, match=r"output residuals .*4 of 2000 beyond"):
        check_parity(session, graph, inputs)


def test_noise_inside_a_graph_is_refused() -> None:
    """A random operator is named and refused: nobody could seed it for a request."""
    with pytest.raises(ExportError, match=r"not random, got .*Random"):
        to_onnx(one(Random()), (torch.ones(4, 2),))


def test_a_wrong_port_is_refused() -> None:
    """A graph whose output has another shape than its port tells does not leave."""
    with pytest.raises(ExportError, match="inputs and outputs must be"):
        to_onnx(one(Affine(), outputs=(Port("y", "float32", 3),)), (torch.ones(4, 2),))


def test_what_torch_cannot_export_is_an_export_error() -> None:
    """Whatever torch throws is wrapped, with the graph's role."""

    class Branching(Affine):
        def forward(self, *x: Tensor) -> tuple[Tensor]:
            """Return one of two tensors, by value."""
            return (x[0] if float(x[0].sum()) > 0 else -x[0],)

    with pytest.raises(ExportError, match="affine: torch cannot export it"):
        to_onnx(one(Branching()), (torch.ones(4, 2),))
