"""`manifest.json`: what a bundle says of itself. The bytes are canonical: their sha256 names the bundle."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from augment.bundle.limits import (
    GRAPH_SUFFIX,
    MAX_BLOCK_ROWS,
    MAX_GRAPHS,
    MAX_QUANTILES,
    MAX_SIDE,
    NAME_PATTERN,
    ROLE_PATTERN,
)
from augment.data import EncodingTables, Schema  # noqa: TC001 - pydantic reads the annotations

__all__ = [
    "Dtype",
    "FileInfo",
    "GraphInfo",
    "Manifest",
    "ModelReport",
    "Prediction",
    "Privacy",
    "Stepwise",
    "TensorInfo",
    "TrainingReport",
    "canonical_json",
    "digest_of",
]

Dtype = Literal["float32", "int32"]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)] | Annotated[str, Field(min_length=1)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
Role = Annotated[str, Field(pattern=f"^{ROLE_PATTERN.pattern}$")]


_OPTIONAL = ("continues", "data_sha256", "prediction", "privacy", "resolved", "score_quantiles", "weights")
"""What is left out of the file where it is None: bundles from before are canonical without."""


class _Part(BaseModel):
    """What every part of a manifest has: nothing unknown in it, nothing changes it, all numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FileInfo(_Part):
    """One file of the bundle: its sha256 in hex and its size in bytes."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class TensorInfo(_Part):
    """An input or output of a graph; a side of `shape` that is a name is free, e.g. `["rows", 24]`."""

    name: str = Field(min_length=1, max_length=64)
    dtype: Dtype
    shape: tuple[Side, ...]


class GraphInfo(_Part):
    """One ONNX graph: its file, and its inputs and outputs in the graph's own order."""

    file: str
    inputs: tuple[TensorInfo, ...] = Field(min_length=1)
    outputs: tuple[TensorInfo, ...] = Field(min_length=1)


class ModelReport(_Part):
    """How one model learnt; losses are nats a row."""

    epochs: int = Field(ge=0)
    steps: int = Field(ge=0)
    parameters: int = Field(ge=0)
    train_loss: float | None
    """None where it is a secret: it was measured on records, without noise."""
    heldout_loss: float | None
    best_epoch: int = Field(ge=0)
    stopped: str
    """Why training ended, e.g. `epochs`, `early`."""


class TrainingReport(_Part):
    """How the bundle came to be: data, device, seed, settings, and each model's own report."""

    rows: int = Field(ge=0)
    columns: int = Field(ge=0)
    seconds: float = Field(ge=0)
    device: str
    seed: int
    models: dict[str, ModelReport]
    config: dict[str, JsonValue]


class Stepwise(_Part):
    """A sampler that makes records column by column, by the graphs `<sampler>_start` and so on.

    Attributes:
        order: The token columns in the order in which they are made.
        groups: The token columns that each graph `<sampler>_draw_<g>` draws, by their places in it.
    """

    order: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]

    @model_validator(mode="after")
    def _columns_are_each_made_once(self) -> Stepwise:
        drawn = sorted(column for group in self.groups for column in group)
        if sorted(self.order) != drawn or drawn != list(range(len(drawn))):
            msg = f"order and groups must name each column once, got {self.order} and {self.groups}"
            raise ValueError(msg)
        return self

    def roles(self, sampler: str) -> tuple[str, ...]:
        """Return the graphs that the sampler needs."""
        draws = (f"{sampler}_draw_{group}" for group in range(len(self.groups)))
        return (f"{sampler}_start", f"{sampler}_hidden", f"{sampler}_absorb", *draws)


class Prediction(_Part):
    """What the graph `predict` predicts.

    Attributes:
        target: What the column is called, or was in training.
        classes: Its classes as text, in the order of the graph's `probabilities`; none: it is a number,
            `value`.
        storage: The Arrow type of what is predicted; the classes can be cast to it.
    """

    target: str = Field(min_length=1)
    classes: tuple[str, ...] = ()
    storage: Literal["string", "bool", "int64", "double"]

    @model_validator(mode="after")
    def _classes_are_distinct(self) -> Prediction:
        if len(set(self.classes)) < len(self.classes):
            msg = f"classes must be distinct, got {list(self.classes)}"
            raise ValueError(msg)
        return self


class Privacy(_Part):
    """The differential privacy of the weights: by how little any one record could have changed them.

    Attributes:
        epsilon: Of all models of the bundle together.
        delta: The probability that it may fail with.
        accountant: How it was counted: `rdp`, Renyi differential privacy.
        noise_multiplier: Standard deviation of the noise of a step, in `max_grad_norm`.
        sample_rate: Probability of each record to be in a step.
        max_grad_norm: To which each record's gradient was shortened.
        steps: Of all models.
        not_covered: Parts of the manifest that were made from the records without noise.
    """

    epsilon: float = Field(gt=0)
    delta: float = Field(gt=0, lt=1)
    accountant: Literal["rdp"]
    noise_multiplier: float = Field(gt=0)
    sample_rate: float = Field(gt=0, le=1)
    max_grad_norm: float = Field(gt=0)
    steps: int = Field(ge=1)
    not_covered: tuple[str, ...]


class Manifest(_Part):
    """All that a bundle says in names; its graphs speak numbers only.

    Attributes:
        format_version: The format that the bundle follows.
        name: The model's name; the version is the directory's.
        created_at: When it was published, UTC.
        producer: Versions of the software that made it.
        block_rows: Rows of one noise block; graphs run on whole blocks of this many rows.
        record_schema: The columns (`schema` in the file).
        encoding: How columns become tokens, residuals and arrays, and back.
        graphs: The graphs by role.
        samplers: Ways to generate, the default first; sampler `x` is the graph `x_sample`, or one of
            `stepwise`.
        stepwise: The samplers that make records column by column.
        latent_dim: Width of the latent space; 0 where no graph has one.
        golden: The file of recorded inputs and outputs.
        training: How it was trained.
        quality: Figures measured at training time, e.g. `vae.heldout_loss`.
        files: sha256 and size of every file of the bundle but this one.
        prediction: What the graph `predict` predicts; left out where there is none.
        score_quantiles: Of the scores of held-out rows, evenly spaced from the smallest to the largest;
            left out where no graph scores.
        data_sha256: Of the training records as they were encoded; left out where nobody told.
        weights: The file of the models' weights, from which training can go on; left out where there is none.
        continues: The digest of the bundle that training went on from; left out where it began anew.
        privacy: How private the weights are; left out where nobody promises it.
        resolved: By model, what was used of the settings, those that `training.config` leaves open among
            them; left out where nobody told.
    """

    model_config = ConfigDict(populate_by_name=True)

    format_version: Literal[2] = 2
    name: str = Field(pattern=f"^{NAME_PATTERN.pattern}$")
    created_at: Moment
    producer: dict[str, str]
    block_rows: int = Field(ge=1, le=MAX_BLOCK_ROWS)
    record_schema: Schema = Field(alias="schema")
    encoding: EncodingTables
    graphs: dict[Role, GraphInfo] = Field(min_length=1, max_length=MAX_GRAPHS)
    samplers: tuple[str, ...]
    stepwise: dict[Role, Stepwise]
    latent_dim: int = Field(ge=0)
    golden: Literal["golden.arrow"] = "golden.arrow"
    training: TrainingReport
    quality: dict[str, float]
    files: dict[str, FileInfo]
    prediction: Prediction | None = None
    score_quantiles: Annotated[tuple[float, ...], Field(min_length=2, max_length=MAX_QUANTILES)] | None = None
    data_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    weights: Literal["weights.safetensors"] | None = None
    continues: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    privacy: Privacy | None = None
    resolved: dict[str, dict[str, JsonValue]] | None = None

    @model_validator(mode="after")
    def _what_is_predicted_is_told(self) -> Manifest:
        if (self.prediction is None) != ("predict" not in self.graphs):
            msg = "prediction must be there if, and only if, there is a graph predict"
            raise ValueError(msg)
        quantiles = self.score_quantiles or ()
        if any(low > high for low, high in pairwise(quantiles)):
            msg = "score_quantiles must not fall"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _files_are_those_named(self) -> Manifest:
        for role, graph in self.graphs.items():
            if graph.file != role + GRAPH_SUFFIX:
                msg = f"graphs.{role}.file must be {role + GRAPH_SUFFIX!r}, got {graph.file!r}"
                raise ValueError(msg)
        wanted = {self.golden, *(graph.file for graph in self.graphs.values())}
        wanted |= {self.weights} if self.weights is not None else set()
        if set(self.files) != wanted:
            msg = f"files must be exactly {sorted(wanted)}, got {sorted(self.files)}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _samplers_have_graphs(self) -> Manifest:
        for sampler in self.samplers:
            for role in self.sampler_roles(sampler):
                if role not in self.graphs:
                    msg = f"samplers: {sampler!r} must have a graph {role}"
                    raise ValueError(msg)
        if unknown := sorted(set(self.stepwise) - set(self.samplers)):
            msg = f"stepwise must only name samplers, got {unknown}"
            raise ValueError(msg)
        if len(set(self.samplers)) != len(self.samplers):
            msg = f"samplers must be unique, got {list(self.samplers)}"
            raise ValueError(msg)
        return self

    @property
    def figures(self) -> dict[str, float]:
        """The figures measured at training time, `privacy.epsilon` and `privacy.delta` among them."""
        if self.privacy is None:
            return self.quality
        return {
            **self.quality,
            "privacy.epsilon": self.privacy.epsilon,
            "privacy.delta": self.privacy.delta,
        }

    def sampler_roles(self, sampler: str) -> tuple[str, ...]:
        """Return the graphs that a sampler needs."""
        plan = self.stepwise.get(sampler)
        return plan.roles(sampler) if plan is not None else (f"{sampler}_sample",)

    def to_bytes(self) -> bytes:
        """Return the canonical bytes: equal manifests give equal bytes."""
        left_out = {name for name in _OPTIONAL if getattr(self, name) is None}
        return canonical_json(self.model_dump(mode="json", by_alias=True, exclude=left_out))


def canonical_json(value: Any) -> bytes:
    """Return `value` as JSON with sorted keys, no spaces and no NaN, in UTF-8.

    Raises:
        ValueError: A number is NaN or infinite, or text is no valid Unicode.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def digest_of(manifest_bytes: bytes) -> str:
    """Return the bundle's digest, sha256 over the bytes of `manifest.json`, in hex."""
    return hashlib.sha256(manifest_bytes).hexdigest()
