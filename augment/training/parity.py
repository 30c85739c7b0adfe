"""Whether onnxruntime computes what torch computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import torch

from augment.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from torch import Tensor

    from augment.models import Graph

__all__ = ["check_parity", "open_session", "run_session"]

_TOLERANCE = 1e-4
_POSITION_TOLERANCE = 1e-3
_EQUAL_TOKENS = 0.999

Outputs = dict[str, "NDArray[Any]"]


def open_session(onnx_bytes: bytes) -> onnxruntime.InferenceSession:
    """Open an ONNX file on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])


def run_session(session: onnxruntime.InferenceSession, graph: Graph, inputs: Iterable[Tensor]) -> Outputs:
    """Return the outputs by name."""
    feed = {port.name: value.numpy() for port, value in zip(graph.inputs, inputs, strict=True)}
    return dict(zip((port.name for port in graph.outputs), session.run(None, feed), strict=True))


@torch.no_grad()
def check_parity(session: onnxruntime.InferenceSession, graph: Graph, inputs: tuple[Tensor, ...]) -> Outputs:
    """Compare torch and onnxruntime on `inputs`; returns onnxruntime's outputs.

    At least 99.9 % of the tokens must be equal, or those of all records but one: where two tokens are as
    likely, the last bit of a float decides, and what is drawn after it hears another token.
    Floats are compared in records of equal tokens, to 1e-4 relative and absolute. Positions
    inside bins are compared to 1e-3 and for 99.9 % of the cells, because a quotient of small probabilities
    magnifies rounding: where a token has a probability of 1e-4, 1e-7 is a thousandth of its bin.

    Raises:
        ExportError: They differ by more. Names graph, output, batch size and worst difference.
    """
    expected = {
        port.name: value.numpy() for port, value in zip(graph.outputs, graph.module(*inputs), strict=True)
    }
    found = run_session(session, graph, inputs)
    equal = np.ones(len(inputs[0]), dtype=bool)
    for port in graph.outputs:  # tokens come first, wherever there are any
        if port.dtype == "int32":
            equal = _compare_tokens(graph, port.name, expected[port.name], found[port.name])
        else:
            _compare_floats(graph, port.name, expected[port.name], found[port.name], equal)
    return found


def _compare_tokens(
    graph: Graph, name: str, expected: NDArray[Any], found: NDArray[Any]
) -> NDArray[np.bool_]:
    """Return of which records all tokens are equal: (N,)."""
    equal: NDArray[np.bool_] = expected == found
    records = np.asarray(equal.reshape(len(equal), -1).all(axis=1))
    different = int(np.count_nonzero(~equal))
    one_record = len(records) > 1 and np.count_nonzero(~records) == 1
    if different > _may_differ(equal.size) and not one_record:
        raise ExportError(
            f"{graph.role}: output {name} must equal torch's in {_EQUAL_TOKENS:.1%} of the cells or in all "
            f"records but one, got {different} of {equal.size} different at batch size {len(found)}"
        )
    return records


def _compare_floats(
    graph: Graph, name: str, expected: NDArray[Any], found: NDArray[Any], equal: NDArray[np.bool_]
) -> None:
    """Compare an output of the records (N,) whose tokens agree."""
    is_position = name.endswith("residuals")
    tolerance = _POSITION_TOLERANCE if is_position else _TOLERANCE
    wanted, got = expected[equal], found[equal]
    far = int(np.count_nonzero(~np.isclose(got, wanted, rtol=tolerance, atol=tolerance)))
    if far > (_may_differ(wanted.size) if is_position else 0):
        raise ExportError(
            f"{graph.role}: output {name} must match torch within {tolerance:g}, got a difference of "
            f"{float(np.abs(got - wanted).max()):.3g} at batch size {len(found)} "
            f"({far} of {wanted.size} beyond)"
        )


def _may_differ(cells: int) -> int:
    """Return how many of so many cells may differ by rounding."""
    return max(1, round((1 - _EQUAL_TOKENS) * cells))
