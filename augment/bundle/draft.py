"""What a trainer hands over to be published, and the files it becomes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from pydantic import ValidationError

from augment.bundle.golden import GoldenCase, golden_to_bytes
from augment.bundle.graph_scan import scan_graph
from augment.bundle.limits import GOLDEN_FILE, GRAPH_SUFFIX, MANIFEST_FILE, WEIGHTS_FILE
from augment.bundle.manifest import (
    FileInfo,
    GraphInfo,
    Manifest,
    Prediction,
    Privacy,
    Stepwise,
    TrainingReport,
)
from augment.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pydantic import JsonValue

    from augment.data import EncodingTables, Schema

__all__ = ["BundleDraft", "files_of"]


@dataclass(frozen=True)
class BundleDraft:
    """All parts of a bundle but its name, version and date.

    Attributes:
        schema: The columns.
        encoding: How columns become tokens, residuals and arrays, and back.
        graphs: ONNX files by role, e.g. `decode`; weights inside.
        block_rows: Rows of one noise block.
        samplers: Ways to generate, the default first; sampler `x` needs the graph `x_sample`, or those of
            `stepwise`.
        latent_dim: Width of the latent space; 0 where no graph has one.
        golden: Recorded inputs and outputs, at least one case a graph.
        training: How it was trained.
        quality: Figures measured at training time.
        producer: Versions of the software that made it; this library's own is added.
        stepwise: The samplers that make records column by column.
        prediction: What the graph `predict` predicts.
        score_quantiles: Of the scores of held-out rows.
        data_sha256: Of the training records as they were encoded.
        weights: A safetensors file of the models' weights; None: training cannot go on from the bundle.
        continues: The digest of the bundle that training went on from; None: it began anew.
        privacy: How private the weights are; None: nobody promises it.
    """

    schema: Schema
    encoding: EncodingTables
    graphs: Mapping[str, bytes] = field(repr=False)
    block_rows: int
    samplers: Sequence[str]
    latent_dim: int
    golden: Sequence[GoldenCase] = field(repr=False)
    training: TrainingReport
    quality: Mapping[str, float]
    producer: Mapping[str, str] = field(default_factory=dict)
    stepwise: Mapping[str, Stepwise] = field(default_factory=dict)
    prediction: Prediction | None = None
    score_quantiles: tuple[float, ...] | None = None
    data_sha256: str | None = None
    weights: bytes | None = field(default=None, repr=False)
    continues: str | None = None
    privacy: Privacy | None = None
    resolved: Mapping[str, Mapping[str, JsonValue]] | None = None


def files_of(draft: BundleDraft, name: str, created_at: datetime) -> dict[str, bytes]:
    """Return the bytes of all files of the bundle, `manifest.json` last.

    Raises:
        PublishError: The draft breaks a rule of the format.
    """
    try:
        files = {role + GRAPH_SUFFIX: data for role, data in draft.graphs.items()}
        files[GOLDEN_FILE] = golden_to_bytes(draft.golden)
        if draft.weights is not None:
            files[WEIGHTS_FILE] = draft.weights
        files[MANIFEST_FILE] = _manifest(draft, name, created_at, files).to_bytes()
    except (ValidationError, ValueError) as exc:
        raise PublishError(f"bundle {name}: the draft breaks a rule of the format: {exc}") from exc
    return files


def _manifest(draft: BundleDraft, name: str, created_at: datetime, files: Mapping[str, bytes]) -> Manifest:
    """Return the manifest of these files."""
    infos = {
        file: FileInfo(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
        for file, data in files.items()
    }
    return Manifest(
        name=name,
        created_at=created_at,
        producer={"augment-service": _own_version(), **draft.producer},
        block_rows=draft.block_rows,
        record_schema=draft.schema,
        encoding=draft.encoding,
        graphs={role: _graph_info(role, data) for role, data in draft.graphs.items()},
        samplers=tuple(draft.samplers),
        stepwise=dict(draft.stepwise),
        latent_dim=draft.latent_dim,
        training=draft.training,
        quality=dict(draft.quality),
        files=infos,
        prediction=draft.prediction,
        score_quantiles=draft.score_quantiles,
        data_sha256=draft.data_sha256,
        weights=WEIGHTS_FILE if draft.weights is not None else None,
        continues=draft.continues,
        privacy=draft.privacy,
        resolved=draft.resolved,
    )


def _graph_info(role: str, data: bytes) -> GraphInfo:
    """Return file, inputs and outputs of one graph."""
    try:
        signature = scan_graph(data)
    except ValueError as exc:
        raise ValueError(f"graph {role}: {exc}") from exc
    return GraphInfo(file=role + GRAPH_SUFFIX, inputs=signature.inputs, outputs=signature.outputs)


def _own_version() -> str:
    """Return this library's version; it has none where it runs without being installed."""
    try:
        return version("augment-service")
    except PackageNotFoundError:
        return "unknown"
