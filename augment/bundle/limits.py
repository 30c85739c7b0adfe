"""The bundle format in numbers and names. `docs/bundle-format.md` gives the reason for each."""

from __future__ import annotations

import re

__all__ = [
    "FORBIDDEN_OPS",
    "FORMAT_VERSION",
    "GOLDEN_FILE",
    "GRAPH_SUFFIX",
    "MANIFEST_FILE",
    "MAX_BLOCK_ROWS",
    "MAX_GOLDEN_BYTES",
    "MAX_GOLDEN_TENSORS",
    "MAX_GRAPHS",
    "MAX_GRAPH_BYTES",
    "MAX_GRAPH_DEPTH",
    "MAX_GRAPH_FIELDS",
    "MAX_MANIFEST_BYTES",
    "MAX_QUANTILES",
    "MAX_SIDE",
    "MAX_SIGNATURE_BYTES",
    "NAME_PATTERN",
    "ROLE_PATTERN",
    "SIGNATURE_FILE",
    "VARIADIC_OPS",
    "VERSION_PATTERN",
    "WEIGHTS_FILE",
]

FORMAT_VERSION = 2
MANIFEST_FILE = "manifest.json"
GOLDEN_FILE = "golden.arrow"
GRAPH_SUFFIX = ".onnx"
WEIGHTS_FILE = "weights.safetensors"
SIGNATURE_FILE = "signature.json"

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
VERSION_PATTERN = re.compile(r"[1-9][0-9]{0,17}")
ROLE_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,31}")

MAX_MANIFEST_BYTES = 64 * 2**20
MAX_GOLDEN_BYTES = 64 * 2**20
MAX_GOLDEN_TENSORS = 10_000
MAX_GRAPH_BYTES = 2**31 - 1
MAX_SIGNATURE_BYTES = 4096
MAX_GRAPHS = 32
MAX_BLOCK_ROWS = 65_536
MAX_GRAPH_DEPTH = 32
MAX_GRAPH_FIELDS = 250_000
MAX_QUANTILES = 10_001
MAX_SIDE = 2**31 - 1

FORBIDDEN_OPS = frozenset(
    {
        # Noise is a graph input: onnxruntime cannot seed these for one request.
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        # A graph ends after a time that its size tells.
        "If",
        "Loop",
        "Scan",
        "SequenceMap",
    }
)
"""Standard operators that no bundle's graph may hold."""

VARIADIC_OPS = frozenset({"Concat", "Einsum", "Max", "Mean", "Min", "SequenceConstruct", "Split", "Sum"})
"""Standard operators with any number of inputs, or outputs: none of these may be left out.

onnxruntime (seen with 1.32) does not check that, and the process ends where it looks for the tensor.
"""
