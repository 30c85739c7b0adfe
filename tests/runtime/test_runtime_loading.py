"""A bundle that cannot answer as it says is refused when opened, or fails the call: no wrong answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto

from augment.bundle import GoldenCase, open_bundle, publish
from augment.errors import BundleCorruptError, RequestError, UnsupportedError
from augment.runtime import Model
from augment.runtime.graph import load_graph
from tests.bundle.small_graphs import (
    LATENT,
    GraphWriter,
    decoder,
    draft_of,
    encoder,
    records_of,
    sampler,
    scorer,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from augment.bundle import BundleDraft
    from augment.data import Layout


@pytest.fixture(scope="module")
def layout(small: Model) -> Layout:
    """The layout of the small model."""
    return small.codec.layout


def test_a_model_says_what_it_is(small: Model, small_bundle: Path) -> None:
    """Name, version, digest and what can be asked."""
    assert (small.name, small.version, small.path) == ("small", 1, small_bundle)
    assert len(small.digest) == 64
    assert small.samplers == ("vae",)
    assert small.operations == (
        "generate",
        "interpolate",
        "denoise",
        "encode",
        "decode",
        "reconstruct",
        "score",
    )


@pytest.mark.parametrize(
    ("roles", "operations"),
    [
        (["vae_sample"], ("generate",)),
        (["encode"], ("encode",)),
        (["decode"], ("decode",)),
        (["encode", "decode"], ("interpolate", "encode", "decode", "reconstruct")),
        (["denoise", "score"], ("denoise", "score")),
    ],
)
def test_operations_follow_the_graphs(
    tmp_path: Path, draft: BundleDraft, table: pa.Table, roles: list[str], operations: tuple[str, ...]
) -> None:
    """What no graph can do is refused with what the model can do."""
    model = Model.open(publish(tmp_path, "part", _only(draft, roles)), threads=1)
    assert model.operations == operations
    calls: dict[str, Callable[[], object]] = {
        "generate": lambda: model.generate(1),
        "interpolate": lambda: model.interpolate(table, table, steps=2),
        "denoise": lambda: model.denoise(table),
        "encode": lambda: model.encode(table),
        "decode": lambda: model.decode(np.zeros((1, LATENT))),
        "reconstruct": lambda: model.reconstruct(table),
        "score": lambda: model.score(table),
    }
    for operation, call in calls.items():
        if operation in operations:
            call()
        else:
            message = f"model part/1 cannot {operation}; it can: {', '.join(operations)}"
            with pytest.raises(UnsupportedError, match=message):
                call()


@pytest.mark.parametrize(
    ("role", "output", "change"),
    [
        ("encode", "latent", lambda array: array + 0.01),
        ("decode", "tokens", lambda array: array + (np.arange(len(array)) < 2)[:, None]),
        ("vae_sample", "residuals", lambda array: array * 1.01),
        ("score", "score", lambda array: array * np.nan),
    ],
)
def test_golden_rows_are_replayed(
    tmp_path: Path, draft: BundleDraft, role: str, output: str, change: Callable[[Any], Any]
) -> None:
    """A graph that answers otherwise than recorded is refused, unless the caller waives the replay."""
    bundle = publish(tmp_path, "small", replace(draft, golden=_changed(draft, role, output, change)))
    with pytest.raises(
        BundleCorruptError, match=f"graph '{role}' output '{output}' differs from its golden rows"
    ):
        Model.open(bundle, threads=1)
    assert Model.open(bundle, threads=1, replay_golden=False).name == "small"


@pytest.mark.parametrize(("role", "output"), [("encode", "latent"), ("decode", "residuals")])
def test_last_bits_may_differ(tmp_path: Path, draft: BundleDraft, role: str, output: str) -> None:
    """Machines round differently: a relative difference of 1e-4 is none."""
    golden = _changed(draft, role, output, lambda array: array * 1.0001)
    Model.open(publish(tmp_path, "small", replace(draft, golden=golden)), threads=1)


def test_one_record_may_be_drawn_otherwise(tmp_path: Path, draft: BundleDraft) -> None:
    """The last bit decides between two equally likely tokens, and what is drawn after it hears another."""
    golden = _changed(draft, "decode", "tokens", lambda array: array + (np.arange(len(array)) == 0)[:, None])
    Model.open(publish(tmp_path, "small", replace(draft, golden=golden)), threads=1)


def test_a_graph_that_gives_nan_fails_the_call(tmp_path: Path, draft: BundleDraft, layout: Layout) -> None:
    """NaN never reaches a caller: the error names graph and output."""
    writer = decoder(layout)
    writer.add("Sqrt", writer.nodes[-1].output[0], out="rooted")
    writer.nodes[-2].output[0], writer.nodes[-1].input[0] = "plain", "plain"
    writer.nodes[-1].output[0] = "arrays"
    model = _model(tmp_path, draft, "decode", writer)
    with pytest.raises(BundleCorruptError, match="graph 'decode' gave NaN or infinity in output 'arrays'"):
        model.decode(np.random.default_rng(0).normal(size=(5, LATENT)))


@pytest.mark.parametrize("shift", [-100.0, 100_000.0])
def test_a_graph_that_gives_an_unknown_token_fails_the_call(
    tmp_path: Path, draft: BundleDraft, layout: Layout, shift: float
) -> None:
    """Tokens outside the vocabulary never reach Arrow, which would read beyond its buffers."""
    model = _model(tmp_path, draft, "decode", _constant_decoder(layout, shift))
    with pytest.raises(
        BundleCorruptError, match="graph 'decode' gave a token outside its column's vocabulary"
    ):
        model.decode(np.zeros((1, LATENT)))


def test_a_graph_that_fails_fails_the_call(tmp_path: Path, draft: BundleDraft, layout: Layout) -> None:
    """What onnxruntime raises is wrapped once, with the graph's name."""
    writer = GraphWriter(records_of(layout), {"score": ("float32", None)})
    index = writer.add("ReduceMax", "tokens", writer.weight([1], "int64"), keepdims=0)
    writer.add("Gather", writer.weight([0.0]), index, out="score")
    bundle = publish(tmp_path, "small", _with(draft, "score", writer, golden=draft.golden))
    with pytest.raises(BundleCorruptError, match="graph 'score' failed"):
        Model.open(bundle, threads=1)


def test_a_graph_that_gives_other_shapes_fails_the_call(
    tmp_path: Path, draft: BundleDraft, layout: Layout
) -> None:
    """A graph that drops rows is found at its first run."""
    writer = GraphWriter(records_of(layout), {"score": ("float32", None)})
    flat = writer.add("ReduceSum", "residuals", writer.weight([1], "int64"), keepdims=0)
    writer.add("Slice", flat, writer.weight([1], "int64"), writer.weight([9], "int64"), out="score")
    bundle = publish(tmp_path, "small", _with(draft, "score", writer, golden=draft.golden))
    with pytest.raises(
        BundleCorruptError, match="graph 'score' must give what the manifest says: score must have"
    ):
        Model.open(bundle, threads=1)


def test_onnxruntime_must_see_what_the_manifest_says(
    tmp_path: Path, draft: BundleDraft, layout: Layout
) -> None:
    """An input with a value of its own is none to onnxruntime, and so would never be fed."""
    writer = scorer(layout)
    spare = writer.weight([1.0])
    writer.inputs[spare] = ("float32", None)
    golden = [*(case for case in draft.golden if case.graph != "score"), _zeros(writer, "score")]
    bundle = publish(tmp_path, "small", _with(draft, "score", writer, golden=golden))
    with pytest.raises(BundleCorruptError, match="graph 'score' must have"):
        load_graph(open_bundle(bundle), "score", threads=1)


def test_a_graph_that_onnxruntime_refuses_is_named(
    tmp_path: Path, draft: BundleDraft, layout: Layout
) -> None:
    """A well-formed file that is no valid model: the error says which."""
    writer = _unheard_of_scorer(layout)
    bundle = publish(tmp_path, "small", _with(draft, "score", writer, golden=draft.golden))
    with pytest.raises(BundleCorruptError, match="graph 'score' cannot be loaded"):
        Model.open(bundle, threads=1)


@pytest.mark.parametrize(
    ("role", "writer", "message"),
    [
        ("decode", "narrow_decoder", "graphs.decode: inputs must be .*'latent'"),
        ("encode", "without_scale", "graphs.encode: outputs must be .*latent_scale"),
        (
            "vae_sample",
            "fed_sampler",
            "graphs.vae_sample: input seed must be float32 noise",
        ),
        (
            "flow",
            "encoder",
            r"graphs.flow: must be one of \['decode', 'denoise', 'encode'",
        ),
    ],
)
def test_graphs_must_fit_the_records(
    tmp_path: Path, draft: BundleDraft, layout: Layout, role: str, writer: str, message: str
) -> None:
    """Each role's tensors follow from the encoding: others are refused before anything runs."""
    made = WRITERS[writer](layout)
    golden = [*(case for case in draft.golden if case.graph != role), _zeros(made, role)]
    bundle = publish(tmp_path, "small", _with(draft, role, made, golden=golden))
    with pytest.raises(BundleCorruptError, match=message):
        Model.open(bundle, threads=1)


def test_the_encoding_must_fit_the_schema(tmp_path: Path, draft: BundleDraft) -> None:
    """A column without its table, and a table of another kind, are refused."""
    tables = draft.encoding.columns
    for broken in (tables[1:], (tables[0].model_copy(update={"column": "member"}), *tables[1:])):
        encoding = draft.encoding.model_copy(update={"columns": broken})
        bundle = publish(tmp_path, "small", replace(draft, encoding=encoding))
        with pytest.raises(BundleCorruptError, match="the encoding does not fit the schema"):
            Model.open(bundle, threads=1)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, 10**6])
def test_threads_are_a_number(small_bundle: Path, threads: Any) -> None:
    """The error has the field, the rule and the value."""
    with pytest.raises(RequestError, match=r"threads must be an integer in \[1, 1024\]"):
        Model.open(small_bundle, threads=threads)


def test_a_model_without_arrays_has_no_array_tensors(tmp_path: Path, table: pa.Table) -> None:
    """Tables of plain columns go through graphs that have no input or output for arrays."""
    plain = table.drop(["image"])
    model = Model.open(publish(tmp_path, "plain", draft_of(plain)), threads=1)
    assert model.generate(3).column_names == model.denoise(plain).records.column_names
    assert model.reconstruct(plain).records.num_rows == plain.num_rows


def test_threads_follow_the_machine(small_bundle: Path, small: Model) -> None:
    """Without a number, a model opens with what there is and answers the same."""
    assert Model.open(str(small_bundle)).generate(40, seed=4).equals(small.generate(40, seed=4))


def _only(draft: BundleDraft, roles: list[str]) -> BundleDraft:
    return replace(
        draft,
        graphs={role: draft.graphs[role] for role in roles},
        golden=[case for case in draft.golden if case.graph in roles],
        samplers=[name for name in draft.samplers if f"{name}_sample" in roles],
    )


def _changed(draft: BundleDraft, role: str, output: str, change: Callable[[Any], Any]) -> list[GoldenCase]:
    return [
        replace(
            case,
            outputs={**case.outputs, output: change(case.outputs[output]).astype(case.outputs[output].dtype)},
        )
        if case.graph == role
        else case
        for case in draft.golden
    ]


def _with(draft: BundleDraft, role: str, writer: GraphWriter, *, golden: Any) -> BundleDraft:
    return replace(
        draft, graphs={**draft.graphs, role: writer.model(check=False).SerializeToString()}, golden=golden
    )


def _model(tmp_path: Path, draft: BundleDraft, role: str, writer: GraphWriter) -> Model:
    """Open a bundle whose golden rows are not replayed."""
    bundle = publish(tmp_path, "small", _with(draft, role, writer, golden=draft.golden))
    return Model.open(bundle, threads=1, replay_golden=False)


def _zeros(writer: GraphWriter, role: str) -> GoldenCase:
    """Return a case of the right shapes."""
    sides = [
        {
            name: np.zeros((2,) if width is None else (2, width), dtype)
            for name, (dtype, width) in part.items()
        }
        for part in (writer.inputs, writer.outputs)
    ]
    return GoldenCase(role, *sides)


def _constant_decoder(layout: Layout, token: float) -> GraphWriter:
    writer = decoder(layout)
    cast = next(node for node in writer.nodes if node.output[0] == "tokens")
    plain = writer.add("Add", writer.add("Mul", cast.input[0], writer.weight(0.0)), writer.weight(token))
    writer.add("Cast", plain, out="tokens", to=TensorProto.INT32)
    writer.nodes.remove(cast)
    return writer


def _narrow_decoder(layout: Layout) -> GraphWriter:
    writer = GraphWriter({"latent": ("float32", 1)}, records_of(layout))
    full = decoder(layout)
    wide = writer.add("Concat", "latent", "latent", "latent", axis=1, out="wide")
    for node in full.nodes:
        for index, name in enumerate(node.input):
            node.input[index] = wide if name == "latent" else name
    writer.nodes += full.nodes
    writer.weights += full.weights
    return writer


def _without_scale(layout: Layout) -> GraphWriter:
    writer = encoder(layout)
    del writer.outputs["latent_scale"]
    return writer


def _fed_sampler(layout: Layout) -> GraphWriter:
    writer = sampler(layout)
    writer.inputs["seed"] = ("float32", 1)
    return writer


def _unheard_of_scorer(layout: Layout) -> GraphWriter:
    """Uses an operator that ONNX does not have."""
    writer = GraphWriter(records_of(layout), {"score": ("float32", None)})
    writer.add("Telepathy", "residuals", out="score")
    return writer


WRITERS = {
    "narrow_decoder": _narrow_decoder,
    "without_scale": _without_scale,
    "fed_sampler": _fed_sampler,
    "encoder": encoder,
}
