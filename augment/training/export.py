"""torch modules to ONNX files that the runtime may host: standard operators, weights inside, no noise."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any

import torch

from augment.errors import ExportError
from augment.training.translating import to_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import onnx
    from torch import Tensor

    from augment.models import Graph

__all__ = ["OPSET", "to_onnx"]

OPSET = 20
_RANDOM_WORDS = ("Random", "Bernoulli", "Multinomial", "Dropout")


def to_onnx(graph: Graph, example: tuple[Tensor, ...]) -> bytes:
    """Export a graph with a free batch axis.

    Args:
        graph: The computation.
        example: Inputs of at least 2 rows, to trace with.

    Raises:
        ExportError: torch cannot export it, or the file breaks a rule of the bundle format.
    """
    model = _traced(graph, example)
    _strip(model)
    _check(graph, model)
    return bytes(model.SerializeToString(deterministic=True))


def _traced(graph: Graph, example: tuple[Tensor, ...]) -> onnx.ModelProto:
    try:
        with _quiet(), torch.no_grad():
            model: onnx.ModelProto = _untraced(_translated, graph, example)
            return model
    except Exception as exc:
        raise ExportError(f"{graph.role}: torch cannot export it: {exc}") from exc


def _translated(graph: Graph, example: tuple[Tensor, ...]) -> onnx.ModelProto:
    free_sides = _free_sides(graph, torch.export.Dim("batch"))
    exported = torch.export.export(graph.module.eval(), example, dynamic_shapes=free_sides, strict=False)
    program = to_program(
        exported,
        args=example,
        dynamic_shapes=free_sides,
        opset_version=OPSET,
        input_names=[port.name for port in graph.inputs],
        output_names=[port.name for port in graph.outputs],
        external_data=False,
    )
    return program.model_proto


def _untraced(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Return what a call returns; tracers (coverage, debuggers) make the exporter twice as slow."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return call(*arguments, **named)
    finally:
        sys.settrace(tracer)


def _free_sides(graph: Graph, batch: object) -> tuple[object, ...]:
    """Return which sides of each input are free, in the shape of the arguments of `forward`."""
    sides = [{0: batch} if port.rows is None else None for port in graph.inputs]
    names = list(inspect.signature(graph.module.forward).parameters.values())
    fixed = [name for name in names if name.kind is not inspect.Parameter.VAR_POSITIONAL]
    if len(fixed) == len(names):
        return tuple(sides)
    return (*sides[: len(fixed)], tuple(sides[len(fixed) :]))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks about its own internals off the terminal."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)


def _strip(model: onnx.ModelProto) -> None:
    """Remove what only debuggers read: stack traces with paths of this machine, shapes of inner values."""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    for weights in model.graph.initializer:
        del weights.metadata_props[:]
        weights.doc_string = ""


def _check(graph: Graph, model: onnx.ModelProto) -> None:
    """Check names, shapes, operators and weights.

    Raises:
        ExportError: Something is not as the bundle format wants it.
    """
    wanted = [(port.name, port.shape) for port in (*graph.inputs, *graph.outputs)]
    found = [(value.name, _shape(value)) for value in (*model.graph.input, *model.graph.output)]
    if wanted != found:
        raise ExportError(f"{graph.role}: inputs and outputs must be {wanted}, got {found}")
    odd = sorted({node.op_type for node in model.graph.node if _is_odd(node)})
    if odd or model.functions:
        raise ExportError(f"{graph.role}: operators must be standard and not random, got {odd}")
    if any(weights.external_data for weights in model.graph.initializer):
        raise ExportError(f"{graph.role}: weights must lie inside the file, got external data")


def _shape(value: onnx.ValueInfoProto) -> tuple[int | str, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_param or side.dim_value for side in sides)


def _is_odd(node: onnx.NodeProto) -> bool:
    return node.domain not in {"", "ai.onnx"} or node.op_type.startswith(_RANDOM_WORDS)
