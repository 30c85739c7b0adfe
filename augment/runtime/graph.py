"""One ONNX graph, loaded: takes and gives whole blocks of rows, and never gives NaN."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import onnxruntime

from augment.bundle.tensors import tensors_mismatch
from augment.errors import BundleCorruptError, GraphError
from augment.runtime.memory import available_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from augment.bundle import Bundle, GraphInfo

__all__ = ["Graph", "Runs", "load_graph"]

_ONNX_TYPES = {"float32": "tensor(float)", "int32": "tensor(int32)"}
_ERRORS_ONLY = 3
_MEMORY_SHARE = 0.5
_LEAST_MEMORY_BYTES, _MOST_MEMORY_BYTES = 2**30, 2**32


class Runs(Protocol):
    """What the operations ask of a graph, whoever runs it: onnxruntime, or torch after training."""

    @property
    def info(self) -> GraphInfo:
        """Its inputs and outputs."""

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the outputs by name."""

    def fault(self, what: str) -> GraphError:
        """Return the error that says what this graph did wrong."""


@dataclass(frozen=True)
class Graph:
    """A loaded graph.

    Attributes:
        role: What it does, e.g. `decode`.
        info: Its inputs and outputs.
        bundle_path: Where it came from, for messages.
        session: The onnxruntime session; `run` may be called from several threads at once.
    """

    role: str
    info: GraphInfo
    bundle_path: str
    session: onnxruntime.InferenceSession

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the outputs by name.

        Raises:
            GraphError: The graph fails, gives other shapes than it says, or NaN or infinity.
        """
        names = [info.name for info in self.info.outputs]
        feed = {info.name: inputs[info.name] for info in self.info.inputs}
        try:
            arrays = self.session.run(names, feed)
        except Exception as exc:
            raise self.fault("failed", str(exc)) from exc
        outputs = dict(zip(names, arrays, strict=True))
        sides: dict[str, int] = {}
        if reason := (
            tensors_mismatch(feed, self.info.inputs, sides)
            or tensors_mismatch(outputs, self.info.outputs, sides)
        ):
            raise self.fault(f"must give what the manifest says: {reason}")
        for name, array in outputs.items():
            if array.dtype == np.float32 and not np.isfinite(array).all():
                raise self.fault(f"gave NaN or infinity in output {name!r}")
        return outputs

    def fault(self, what: str, detail: str = "") -> GraphError:
        """Return the error that says what this graph did wrong; the detail is for the operator alone."""
        return GraphError(self.bundle_path, f"graph {self.role!r} {what}", detail)


def load_graph(bundle: Bundle, role: str, *, threads: int) -> Graph:
    """Return one of the bundle's graphs, ready to run on `threads` threads.

    Raises:
        BundleCorruptError: onnxruntime refuses it, or sees other inputs and outputs than the manifest.
    """
    info = bundle.manifest.graphs[role]
    _share_memory()
    try:
        session = onnxruntime.InferenceSession(
            bundle.graph(role), _options(threads), providers=["CPUExecutionProvider"]
        )
    except Exception as exc:
        raise BundleCorruptError(bundle.path, f"graph {role!r} cannot be loaded: {exc}") from exc
    graph = Graph(role, info, str(bundle.path), session)
    for infos, found in ((info.inputs, session.get_inputs()), (info.outputs, session.get_outputs())):
        wanted = [(tensor.name, _ONNX_TYPES[tensor.dtype], list(tensor.shape)) for tensor in infos]
        if wanted != [(tensor.name, tensor.type, list(tensor.shape)) for tensor in found]:
            raise graph.fault(f"must have {wanted} as the manifest says, got {[t.name for t in found]}")
    return graph


def _options(threads: int) -> onnxruntime.SessionOptions:
    """Return options for answers that do not depend on the machine's load, and threads that do not spin."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    return options


@cache
def _share_memory() -> None:
    """Have all sessions of this process take memory from one pool.

    A session's own pool is not given back as a whole when the session ends (onnxruntime issue 26831), so
    that a process which loads models for weeks would grow.

    The pool has an end, at half of the memory that is free now and at most 4 GiB: a graph of 45 operators
    that each double a tensor is small, and would otherwise have the process killed.
    """
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    most = int(_MEMORY_SHARE * available_memory())
    most = min(max(_LEAST_MEMORY_BYTES, most), _MOST_MEMORY_BYTES)
    as_requested = {"arena_extend_strategy": 1, "max_mem": most}
    sizes = {"initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(as_requested | sizes))
