"""Small ONNX graphs and drafts, written by hand with the onnx package, for tests that need no training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from augment.bundle import BundleDraft, GoldenCase, ModelReport, TrainingReport
from augment.data import Codec, conform, detect_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data import Layout

LATENT = 3
BLOCK_ROWS = 32
_TYPES = {"int32": TensorProto.INT32, "float32": TensorProto.FLOAT}
Sides = dict[str, tuple[str, int | None]]


@dataclass
class GraphWriter:
    """Collects nodes and weights, then gives the file."""

    inputs: Sides
    outputs: Sides
    once: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, values: Any, dtype: str = "float32") -> str:
        """Add a weight and return its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, op: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add a node and return its output's name."""
        name = out or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def model(self, *, check: bool = True) -> onnx.ModelProto:
        """Return the model; checked by onnx itself, but where it is meant to be wrong."""
        graph = helper.make_graph(
            self.nodes,
            "small",
            [*(_value(name, side) for name, side in self.inputs.items()), *self._once()],
            [_value(name, side) for name, side in self.outputs.items()],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        if check:
            onnx.checker.check_model(model)
        return model

    def _once(self) -> list[onnx.ValueInfoProto]:
        """Return the inputs that are said once for all rows."""
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width])
            for name, width in self.once.items()
        ]

    def file(self) -> bytes:
        """Return the ONNX file."""
        return bytes(self.model().SerializeToString())


def _value(name: str, side: tuple[str, int | None]) -> onnx.ValueInfoProto:
    dtype, width = side
    shape: list[str | int | None] = ["batch"] if width is None else ["batch", width]
    return helper.make_tensor_value_info(name, _TYPES[dtype], shape)


def records_of(layout: Layout) -> Sides:
    """Return the tensors that are records of this layout."""
    columns = len(layout.names)
    records: Sides = {"tokens": ("int32", columns), "residuals": ("float32", columns)}
    return records | ({"arrays": ("float32", layout.array_width)} if layout.array_width else {})


def sampler(layout: Layout) -> GraphWriter:
    """Tokens uniform over what is not missing, residuals uniform, arrays normal around the latent's first."""
    columns = len(layout.names)
    noise: Sides = {
        "latent_normal": ("float32", LATENT),
        "token_u": ("float32", columns),
        "residual_u": ("float32", columns),
    }
    if layout.array_width:
        noise["array_normal"] = ("float32", layout.array_width)
    writer = GraphWriter(noise, records_of(layout))
    _tokens(writer, layout, "token_u")
    writer.add("Identity", "residual_u", out="residuals")
    if layout.array_width:
        spread = writer.weight(np.ones((LATENT, layout.array_width)) / 10)
        writer.add("Add", "array_normal", writer.add("MatMul", "latent_normal", spread), out="arrays")
    return writer


def encoder(layout: Layout) -> GraphWriter:
    """A linear map of residuals, tokens and arrays."""
    outputs: Sides = {"latent": ("float32", LATENT), "latent_scale": ("float32", LATENT)}
    writer = GraphWriter(records_of(layout), outputs)
    flat = _flat(writer, layout)
    weights = np.random.default_rng(5).normal(0, 0.05, (2 * len(layout.names) + layout.array_width, LATENT))
    writer.add("MatMul", flat, writer.weight(weights), out="latent")
    writer.add("Exp", writer.add("Mul", "latent", writer.weight(0.01)), out="latent_scale")
    return writer


def decoder(layout: Layout) -> GraphWriter:
    """A linear map, squashed to tokens and residuals."""
    writer = GraphWriter({"latent": ("float32", LATENT)}, records_of(layout))
    weights = np.random.default_rng(6).normal(0, 1, (LATENT, len(layout.names)))
    share = writer.add("Sigmoid", writer.add("MatMul", "latent", writer.weight(weights)))
    _tokens(writer, layout, share)
    writer.add("Identity", share, out="residuals")
    if layout.array_width:
        wide = np.random.default_rng(7).normal(0, 1, (LATENT, layout.array_width))
        writer.add("MatMul", "latent", writer.weight(wide), out="arrays")
    return writer


def scorer(layout: Layout) -> GraphWriter:
    """The sum of the residuals."""
    writer = GraphWriter(records_of(layout), {"score": ("float32", None)})
    writer.add("ReduceSum", _flat(writer, layout), writer.weight([1], "int64"), out="score", keepdims=0)
    return writer


def denoiser(layout: Layout) -> GraphWriter:
    """Believes in token 1 with probability 0.75, halves arrays, holds a cell intact by its residual.

    The means are far below all values.
    """
    columns = len(layout.names)
    records = records_of(layout)
    clean = {f"clean_{name}": side for name, side in records.items()}
    judged: Sides = dict.fromkeys(("probability", "intact", "mean"), ("float32", columns))
    flags: Sides = {"observed": ("float32", columns), "doubt": ("float32", None)}
    writer = GraphWriter(records | flags, clean | judged, {"token_values": sum(layout.vocab_sizes)})
    zeros = writer.add("Mul", "observed", writer.weight(0.0))
    ones = writer.add("Add", zeros, writer.weight(1.0))
    tokens = writer.add("Cast", writer.add("Mul", "tokens", writer.weight(0, "int32")), to=TensorProto.FLOAT)
    writer.add("Cast", writer.add("Add", tokens, ones), out="clean_tokens", to=TensorProto.INT32)
    writer.add("Add", zeros, writer.weight(0.5), out="clean_residuals")
    writer.add("Add", zeros, writer.weight(0.75), out="probability")
    writer.add("Identity", "residuals", out="intact")
    writer.add("Sub", zeros, writer.weight(100.0), out="mean")
    if layout.array_width:
        writer.add("Mul", "arrays", writer.weight(0.5), out="clean_arrays")
    return writer


def all_graphs(layout: Layout) -> dict[str, bytes]:
    """Return a graph of each role."""
    return {
        "vae_sample": sampler(layout).file(),
        "encode": encoder(layout).file(),
        "decode": decoder(layout).file(),
        "score": scorer(layout).file(),
        "denoise": denoiser(layout).file(),
    }


def recorded(graphs: Mapping[str, bytes], rows: int = 8) -> list[GoldenCase]:
    """Return what each graph answers to random inputs."""
    return [_case(role, data, rows) for role, data in graphs.items()]


def _case(role: str, data: bytes, rows: int) -> GoldenCase:
    generator = np.random.default_rng(1)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    inputs: dict[str, NDArray[Any]] = {}
    for value in session.get_inputs():
        shape = [side if isinstance(side, int) else rows for side in value.shape]
        if value.type == "tensor(int32)":
            inputs[value.name] = generator.integers(1, 3, shape).astype(np.int32)
        else:
            inputs[value.name] = generator.uniform(0.01, 0.99, shape).astype(np.float32)
    names = [value.name for value in session.get_outputs()]
    return GoldenCase(role, inputs, dict(zip(names, session.run(names, inputs), strict=True)))


def report() -> TrainingReport:
    """Return a training report."""
    model = ModelReport(
        epochs=1, steps=2, parameters=3, train_loss=4.0, heldout_loss=5.0, best_epoch=1, stopped="epochs"
    )
    return TrainingReport(
        rows=240, columns=10, seconds=0.5, device="cpu", seed=0, models={"vae": model}, config={"epochs": 1}
    )


def draft_of(table: pa.Table, graphs: Mapping[str, bytes] | None = None) -> BundleDraft:
    """Return a draft for a table, with the small graphs where no others are given."""
    schema = detect_schema(table)
    codec = Codec.fit(conform(table, schema), schema)
    files = all_graphs(codec.layout) if graphs is None else graphs
    return BundleDraft(
        schema=schema,
        encoding=codec.tables,
        graphs=files,
        block_rows=BLOCK_ROWS,
        samplers=["vae"] if "vae_sample" in files else [],
        latent_dim=LATENT,
        golden=recorded(files),
        training=report(),
        quality={"vae.heldout_loss": 5.0},
        producer={"onnx": onnx.__version__},
    )


def _tokens(writer: GraphWriter, layout: Layout, share: str) -> None:
    """Give tokens from shares in (0, 1), never 0."""
    spans = np.asarray([[size - 1 for size in layout.vocab_sizes]], np.float32)
    levels = writer.add("Floor", writer.add("Mul", share, writer.weight(spans)))
    capped = writer.add("Min", levels, writer.weight(np.maximum(spans - 1, 0)))
    writer.add("Cast", writer.add("Add", capped, writer.weight(1.0)), out="tokens", to=TensorProto.INT32)


def _flat(writer: GraphWriter, layout: Layout) -> str:
    """Return everything side by side as floats."""
    tokens = writer.add("Cast", "tokens", to=TensorProto.FLOAT)
    parts = [tokens, "residuals", *(["arrays"] if layout.array_width else [])]
    return writer.add("Concat", *parts, axis=1)
